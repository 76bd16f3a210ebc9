"""Networks from elsewhere as specs that people would write: `readers/` read them, the rest is one back end."""
