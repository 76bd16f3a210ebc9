"""A sweep that is yet to be done, and what may come of it: a summary, rows in a file or in many."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from paramcalc.render.notebook import shows_itself
from paramcalc.sweep import store
from paramcalc.sweep.plan import Plan
from paramcalc.sweep.summary import Summary
from paramcalc.sweep.workers import Step, Workers, here, unseen


@shows_itself
class Sweep(Plan):
    """A plan that carries itself out."""

    __slots__ = ()

    def summary(self, workers: Workers = here, step: Step = unseen) -> Summary:
        """How many rows there are, the least and the most of each quantity, and the front."""
        summary = Summary()
        for done in store.counted(self._replace(form=""), range(self.parts), workers, step):
            summary = summary.joined(done.summary)
        return summary

    def write(self, output: Path | str, workers: Workers = here, step: Step = unseen) -> Summary:
        """Writes all rows to a `.csv` or `.parquet` file, or to a folder of Parquet parts.

        A name that ends in `/`, a folder, or the address of one in an object store means the latter.
        What an earlier run of the same sweep has left is not counted again. Pipes and devices get CSV.
        """
        return store.write(self, str(output), workers, step)

    def pour(self, file: BinaryIO, workers: Workers = here, step: Step = unseen) -> Summary:
        """Writes all rows as CSV to an open file, in order."""
        return store.pour(self._replace(form="csv"), file, workers, step)
