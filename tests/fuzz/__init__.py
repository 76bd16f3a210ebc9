"""Random texts through random commands: mutants of the bundled specs, generated networks, random expressions.

`python -m tests.fuzz --seconds 3600` looks for an hour and prints what it finds, each with the smallest text
that still shows it and the command to run on it; each run draws another seed, and `--seed` repeats one.
`tests/test_fuzz.py` tries a fixed number of texts from a fixed seed.

`texts` makes texts, `commands` draws commands with their options, `agree` compares answers that must agree, `look`
runs them and makes what fails small.
"""
