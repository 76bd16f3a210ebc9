"""What is collected here: not the module that imports Keras, which takes seconds, until a test asks for it."""

collect_ignore = ["keras_graph.py"]
