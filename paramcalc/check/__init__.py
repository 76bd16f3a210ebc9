"""Figures that sources print, compared with exact counts."""
