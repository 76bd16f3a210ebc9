"""Receptive fields."""
