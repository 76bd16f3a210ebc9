"""The cost of changed specs in git: models touched, totals, the layers that made the difference."""
