"""Names come from untrusted specs: how each format escapes their characters.

Drawings hand over texts as they are; the writers of `render/forms.py` call these.
"""

from __future__ import annotations

import re

from paramcalc.base.errors import visible

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "█": "",
}
# The x of sizes, of numbers of blocks and of ratios: 3x3, 6 x 28 x 28, unit x 2, x 1.52.
_TIMES = r"(?<=[0-9])x(?=[0-9])|(?<= )x(?= [0-9])|^x(?= [0-9])|(?<=[0-9] )x$"
_MARKED = r"[\\`*<|]|\](?=[\[(:])|:(?=//)|(?<=www)\."
_CALLED = r"@(?=\w)|#(?=[0-9])"  # what GitHub takes for a person or an issue, whom it tells
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for one
# A GitHub runner obeys a line of a log that begins with :: after blanks, and ##[ anywhere in one. Each
# format writes the same character in another way; where it has none, as an escape.
_BEGINS = r"(?m)^(\s*):(?=:)"
_ESCAPED = (r"\1\\x3a", r"#\\x23[")
_COMMANDS = {
    "json": (r"\1:", r"#\\u0023["),
    "github": (r"\1:", r"#\\x23["),  # the commands that are meant; `workflow` is for what they hold
    "latex": (r"\1{:}", r"#\\x23["),
    **dict.fromkeys(("markdown", "html", "svg", "junit"), (r"\1&#58;", "#&#35;[")),
}


def harmless(text: str, form: str = "") -> str:
    """A text whose lines neither a terminal nor a runner of GitHub obeys.

    >>> print(harmless("::warning::a\\n b ##[error]c\\u202ed"))
    \\x3a:warning::a
     b #\\x23[error]c\\u202ed
    """
    if not text.replace("\n", "").isprintable():
        text = "\n".join(map(visible, text.split("\n")))
    if "::" not in text and "##[" not in text:
        return text
    begins, inside = _COMMANDS.get(form, _ESCAPED)
    return re.sub(r"##\[", inside, re.sub(_BEGINS, begins, text))


def tex(text: str) -> str:
    """A text with LaTeX's special characters escaped, and with sizes as products.

    >>> print(tex("conv2_x"), tex("64 x 56 x 56"), tex("max_pool2d 3x2"))
    conv2\\_x 64 $\\times$ 56 $\\times$ 56 max\\_pool2d 3$\\times$2
    """
    return "".join(_TEX.get(char, char) for char in re.sub(_TIMES, "×", visible(text).strip()))


def markdown(text: str) -> str:
    """A text that Markdown shows as it is: no table, link, code, emphasis or HTML begins in it, and nobody is called.

    >>> print(markdown("[a](b) | <c> @d"))
    [a\\](b) \\| \\<c> @<!-- -->d
    """
    return re.sub(_CALLED, r"\g<0><!-- -->", re.sub(_MARKED, r"\\\g<0>", visible(text)))


def code(text: str) -> str:
    """A span of code in Markdown, whatever the text holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, blank = "`" * (longest + 1), " " * bool(longest)
    return f"{fence}{blank}{visible(text)}{blank}{fence}"


def comment(sign: str, text: str) -> str:
    """A comment of one line, whatever the text."""
    return f"{sign} {visible(text)}\n"


def cell(value: object) -> object:
    """A cell of CSV that no spreadsheet computes, and that keeps to its line.

    >>> cell("=1+1"), cell(-1)
    ("'=1+1", -1)
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) or value.startswith(_FORMULA) else text


_NOT_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def xml(text: str) -> str:
    """A text without the characters that XML 1.0 cannot hold, even escaped."""
    return re.sub(_NOT_XML, "\ufffd", "\n".join(map(visible, text.split("\n"))))


def workflow(text: str, also: str = "") -> str:
    """A text as a GitHub workflow command takes it: percent signs, line ends and `also` as %XX."""
    for char in ("%", "\r", "\n", *also):
        text = text.replace(char, f"%{ord(char):02X}")
    return harmless(text)


def annotation(message: str, level: str = "error", **properties: str | int | None) -> str:
    """A workflow command that shows a message at a place of a pull request."""
    given = ",".join(
        f"{name}={workflow(str(value), ':,')}" for name, value in properties.items() if value is not None
    )
    return f"::{level} {given}::{workflow(message)}"
