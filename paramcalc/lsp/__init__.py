"""A language server for specs: what editors show and offer. Everything but `server.py` knows no protocol."""
