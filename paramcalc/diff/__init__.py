"""What a change of specs in git costs: models touched, totals, the layers that made the difference."""
