"""Who computes the chunks: this process, other processes of this machine, or a Dask cluster.

The only module that imports distributed, which is an optional extra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.engine.plugins import load
from paramcalc.sweep.job import Chunk, Job, chunk

AHEAD = 2  # chunks under way for each worker, so that none of them waits
LOCAL = "local"

Results: TypeAlias = Iterator[tuple[int, Chunk]]
Workers: TypeAlias = Callable[[Job, Sequence[int]], Results]  # chunks by number, in any order


def here(job: Job, numbers: Sequence[int]) -> Results:
    """Chunk by chunk, in this process."""
    for number in numbers:
        yield number, chunk(job, number)


def processes(amount: int, plugins: Sequence[Path] = ()) -> Workers:
    """In so many processes of this machine."""

    def run(job: Job, numbers: Sequence[int]) -> Results:
        from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

        waiting = iter(numbers)
        running: dict[Future[Chunk], int] = {}
        with ProcessPoolExecutor(amount) as pool:
            while True:
                for number in islice(waiting, AHEAD * amount - len(running)):
                    running[pool.submit(elsewhere, job, number, tuple(plugins))] = number
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()

    return run


def cluster(address: str, plugins: Sequence[Path] = ()) -> Workers:
    """On a Dask cluster with this scheduler; `local` starts one of this machine's processes."""

    def run(job: Job, numbers: Sequence[int]) -> Results:
        waiting = iter(numbers)
        running: dict[Any, int] = {}
        with _client(address) as client:
            from distributed import wait

            sent = client.scatter(job, broadcast=True, hash=False)
            while True:
                room = AHEAD * max(sum(client.nthreads().values()), 1) - len(running)
                for number in islice(waiting, max(room, 0)):
                    running[client.submit(elsewhere, sent, number, tuple(plugins), pure=False)] = number
                if not running:
                    return
                for future in wait([*running], return_when="FIRST_COMPLETED").done:
                    yield running.pop(future), future.result()

    return run


def _client(address: str) -> Any:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise Fault("a cluster needs the package distributed", fix="pip install 'paramcalc[dask]'") from None
    if address == LOCAL:
        return Client(LocalCluster(threads_per_worker=1, dashboard_address=None))
    try:
        return Client(address)
    except (OSError, ValueError) as error:
        raise Fault(f"no scheduler at '{address}': {error}") from None


_turn = Lock()
_loaded: set[Path] = set()


def elsewhere(job: Job, number: int, plugins: tuple[Path, ...]) -> Chunk:
    """A chunk in a process that has not read the command line; one at a time, as threads share what is found."""
    with _turn:
        for path in plugins:
            if path not in _loaded:
                load(path)
                _loaded.add(path)
        return chunk(job, number)
