"""A page about networks: figures, tables, knobs to turn, formulas, claims; one file that opens anywhere."""
