"""What knows nothing of networks: errors with places, sizes, shapes, paths, printed numbers, files."""
