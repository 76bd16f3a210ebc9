"""Text to spec: YAML nodes, lines and expressions, the grammar."""
