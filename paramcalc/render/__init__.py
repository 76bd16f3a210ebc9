"""Renderers: plain data to text. They compute nothing."""
