"""One module per command: load, compute, print, exit."""
