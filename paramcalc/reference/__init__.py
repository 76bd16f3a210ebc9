"""The reference of ops."""
