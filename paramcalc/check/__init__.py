"""What sources print, held against exact counts."""
