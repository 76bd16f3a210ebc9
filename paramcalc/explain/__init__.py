"""The formula beside the number."""
