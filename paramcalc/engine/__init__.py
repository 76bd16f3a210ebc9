"""Spec to graph: blocks and repeats resolved, every shape inferred."""
