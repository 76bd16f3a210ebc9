"""Code independent of networks: errors with places, sizes, shapes, paths, printed numbers, files."""
