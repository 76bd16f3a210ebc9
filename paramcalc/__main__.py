"""`python -m paramcalc`."""

from paramcalc.cli import main

if __name__ == "__main__":
    main()
