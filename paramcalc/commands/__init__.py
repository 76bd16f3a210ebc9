"""One module a command: load, compute, print, exit."""
