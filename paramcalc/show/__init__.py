"""A spec with everything resolved."""
