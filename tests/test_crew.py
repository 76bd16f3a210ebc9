"""Threads and work buffers of the verifier: everything done once, bounded, and put back as it was."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from paramcalc.verify import crew as crew_module
from paramcalc.verify.crew import Crew, Scratch


@pytest.fixture(params=[1, 2, 3])
def crew(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setattr(crew_module, "BLAS_IS_SINGLE", True)
    return Crew(request.param, 3_000)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("least", [1, 30])
def test_work_is_shared_out_without_gap_or_overlap(crew: Crew, count: int, least: int) -> None:
    """Each index is done once, whatever the number of threads."""
    parts = crew.share(count, lambda scratch, start, stop: list(range(start, stop)), least)

    assert [index for part in parts for index in part] == list(range(count))


def test_small_work_stays_in_one_thread(crew: Crew) -> None:
    """Less than twice `least` is not cut."""
    assert len(crew.share(59, lambda scratch, start, stop: None, 30)) == 1


def test_each_thread_has_its_own_part_of_the_buffer(crew: Crew) -> None:
    """Together they hold no more than was allowed."""
    buffers = crew.share(crew.size, lambda scratch, start, stop: scratch)

    assert len({id(scratch) for scratch in buffers}) == len(buffers)
    assert sum(scratch.size for scratch in buffers) <= 3_000


def test_error_in_any_thread_comes_out(crew: Crew) -> None:
    """A failing part fails the whole."""

    def work(scratch: Scratch, start: int, stop: int) -> None:
        if stop == 10:
            raise ValueError("last part")

    with pytest.raises(ValueError, match="last part"):
        crew.share(10, work)


def test_scratch_hands_out_apart_and_again() -> None:
    """Parts do not overlap; after `clear` the same memory is used; what does not fit is new memory."""
    scratch = Scratch(1_000)
    one, two = scratch.take((10,), np.float32), scratch.take((3, 5), np.float64)
    large = scratch.take((1_000,), np.float64)
    scratch.clear()
    again = scratch.take((10,), np.float32)

    assert not np.shares_memory(one, two)
    assert not np.shares_memory(large, two)
    assert np.shares_memory(one, again)


def test_numpys_settings_are_put_back(crew: Crew) -> None:
    """A caller's own NumPy is as before, after an error too."""
    before = np.getbufsize()

    assert crew.call(np.getbufsize) != before
    with pytest.raises(ZeroDivisionError):
        crew.call(lambda: 1 / 0)
    assert np.getbufsize() == before


def test_blas_gets_one_thread_and_the_environment_stays() -> None:
    """Importing the verifier first leaves no trace in the environment; NumPy first, and it says so."""
    said = "import os; import {first}; import paramcalc.verify as v; print(v.BLAS_IS_SINGLE, len(os.environ))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", said.format(first=first)],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "LC_CTYPE": "C.UTF-8"},
        )
        for first in ("os", "numpy")
    ]

    assert [run.stdout.split() for run in runs] == [["True", "3"], ["False", "3"]]
