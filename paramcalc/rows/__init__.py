"""Networks, one row each."""
