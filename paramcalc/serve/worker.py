"""A process that answers, so that a run which takes long can be ended: `python -m paramcalc.serve.worker`.

A question is a line of JSON, of an import followed by the file; an answer is one line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from paramcalc.base.errors import visible
from paramcalc.serve.answer import answer, bring
from paramcalc.serve.named import Named


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints here does not spoil an answer
    places: dict[str, Any] = {}
    for line in questions:
        asked = json.loads(line)
        if "files" in asked:
            places = asked["files"]
            continue
        if "size" in asked:
            data = questions.read(asked["size"])
            found = _caught(bring, asked["name"], data)
        else:
            named = Named.of(places)
            found = _caught(answer, asked["text"], asked["settings"], named.sibling)
        answers.write(json.dumps(found).encode() + b"\n")
        answers.flush()


def _caught(ask: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """An answer; what goes wrong in it is told on the page, and the next text is answered."""
    try:
        return ask(*given)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {visible(str(error))}"}


if __name__ == "__main__":
    main()
