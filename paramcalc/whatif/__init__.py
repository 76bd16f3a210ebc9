"""What changes cost: networks compared, settings solved for and swept."""
