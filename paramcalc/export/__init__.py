"""A network in other languages: source of PyTorch and Keras, an ONNX file, diagrams."""
