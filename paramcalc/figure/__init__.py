"""Pictures of networks: boxes, structure, cost."""
