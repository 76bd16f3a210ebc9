"""Workers that count the parts: this process, or, with Dask, other processes of this machine or a cluster.

The only module that imports distributed, which is an optional extra.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import lru_cache, partial
from threading import Lock
from typing import Any, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.engine.plugins import load, loaded

AHEAD = 2  # parts under way for each thread of a worker, so that none of them waits
PATIENCE = 30  # seconds until a scheduler and its first worker must have answered
GLANCE = 2  # seconds between looks at whether there are workers

DEAF = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # Ctrl-C is for the process that started us
)

Task: TypeAlias = Callable[[int], Any]  # of a part's number
Step: TypeAlias = Callable[[str, int, str], None]  # of what, how many there are to do, and of what kind
Workers: TypeAlias = Callable[[Task, Sequence[int]], Iterator[Any]]  # what a task gives for each, in order


def unseen(what: str, total: int, kind: str) -> None:
    """Progress that is not shown."""


def here(task: Task, numbers: Sequence[int]) -> Iterator[Any]:
    """One after the other, in this process."""
    return map(task, numbers)


def processes(amount: int) -> Workers:
    """In several processes of this machine."""
    return partial(_on_dask, {"n_workers": amount, "threads_per_worker": 1, "preload": [DEAF]})


def cluster(address: str) -> Workers:
    """On the Dask cluster whose scheduler has this address."""
    return partial(_on_dask, address)


def _on_dask(where: str | dict[str, Any], task: Task, numbers: Sequence[int]) -> Iterator[Any]:
    if not numbers:
        return
    try:
        from distributed import Client, KilledWorker, LocalCluster
    except ImportError:
        raise Fault("more than one process needs Dask", fix="pip install 'paramcalc[dask]'") from None
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(where, dict):
                where = stack.enter_context(
                    LocalCluster(**where, dashboard_address=":0", silence_logs=logging.CRITICAL)
                )
            client = stack.enter_context(Client(where, timeout=PATIENCE, set_as_default=False))
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise Fault(f"no scheduler with workers at '{where}': {error}") from None
        running: deque[Any] = deque()
        sent = pickle.dumps((loaded(), pickle.dumps(task)))
        try:
            for number in numbers:
                if len(running) >= AHEAD * max(sum(client.nthreads().values()), 1):
                    yield _result(client, running.popleft())
                running.append(client.submit(_elsewhere, sent, number, pure=False))
            while running:
                yield _result(client, running.popleft())
        except KilledWorker as error:
            deaths = error.allowed_failures + 1
            raise Fault(
                f"{deaths} workers in a row died while counting the same part",
                fix="give them more memory, or lower --chunk",
            ) from None
        except (CancelledError, OSError) as error:
            raise Fault(f"the cluster is lost: {error}", fix="finished parts are kept") from None


def _result(client: Any, future: Any) -> Any:
    """What a future gives; a `Fault` where all workers are gone and none comes back."""
    while True:
        try:
            return future.result(timeout=GLANCE)
        except TimeoutError:
            with contextlib.suppress(TimeoutError):
                client.wait_for_workers(1, timeout=PATIENCE)
                continue
            raise Fault("all workers died and none was restarted", fix="finished parts are kept") from None


_turn = Lock()


def _elsewhere(sent: bytes, number: int) -> Any:
    """A task in a process that has not read the command line; one at a time, as threads share what is found."""
    with _turn:
        return _received(sent)(number)


@lru_cache(maxsize=1)
def _received(sent: bytes) -> Task:
    """The task, which can be read when the ops that it needs are there."""
    plugins, task = pickle.loads(sent)
    for path in plugins:
        load(path)
    return pickle.loads(task)  # type: ignore[no-any-return]
