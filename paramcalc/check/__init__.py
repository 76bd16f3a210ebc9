"""What sources print, compared with exact counts."""
