"""A family as the table of its paper."""
