"""Running a network in NumPy, to prove its table."""
