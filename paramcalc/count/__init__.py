"""A graph counted: the report, its outline, and the table."""
