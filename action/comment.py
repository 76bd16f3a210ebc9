"""Writes standard input into a pull request's comment, the same one on every run. For the action; nothing but Python.

A token that may not comment, as in a pull request from a fork, is no failure: the summary of the job has the same text.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

MARK = "<!-- paramcalc -->"
LONGEST = 60_000  # characters; GitHub takes 65,536
PAGE, MOST_PAGES = 100, 20
SECONDS = 20


def main() -> None:
    text = sys.stdin.read()
    if len(text) > LONGEST:
        text = text[:LONGEST] + "\n\n... the summary of the job has all of it\n"
    issues = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    try:
        number = own(f"{issues}/{os.environ['NUMBER']}/comments")
        if number is None:
            ask("POST", f"{issues}/{os.environ['NUMBER']}/comments", {"body": f"{MARK}\n{text}"})
        else:
            ask("PATCH", f"{issues}/comments/{number}", {"body": f"{MARK}\n{text}"})
    except urllib.error.HTTPError as error:
        denied = error.code in (401, 403, 404)
        why = "this token may not comment" if denied else f"GitHub answered {error.code}"
        print(f"::notice title=paramcalc::no comment: {why}; the summary of the job has the same text")
    except (OSError, ValueError):
        print("::notice title=paramcalc::no comment: GitHub did not answer; the summary has the same text")


def own(path: str) -> int | None:
    """The number of the comment that an earlier run wrote: marked, and by a bot, as anybody may write the mark."""
    for page in range(1, MOST_PAGES + 1):
        comments = ask("GET", f"{path}?per_page={PAGE}&page={page}")
        for comment in comments:
            author = comment.get("user") or {}
            if author.get("type") == "Bot" and str(comment.get("body") or "").startswith(MARK):
                return int(comment["id"])
        if len(comments) < PAGE:
            break
    return None


def ask(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
