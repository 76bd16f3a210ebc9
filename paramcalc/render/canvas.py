"""Pictures as data: boxes, lines and labels, whose writers are svg.py, tikz.py and plot.py.

Lengths are pixels of a page of 96 an inch, downwards from the top left corner. Colours are roles, such as `conv` or
`conv.side`, which a theme gives values to.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

Point: TypeAlias = tuple[float, float]
Theme: TypeAlias = Literal["light", "dark"]
Anchor: TypeAlias = Literal["start", "middle", "end"]

# Advance widths of the printable ASCII characters in DejaVu Sans, in thousandths of the font size. It is wider than
# Helvetica, Arial and Computer Modern, so that a label measured by it fits in any of these.
_ASCII = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636"
    " 636 337 337 838 838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787"
    " 695 635 611 732 684 989 685 611 685 390 337 390 838 500 500 613 635 550 635 615 352 635 634 278 278"
    " 579 278 974 634 612 635 635 411 521 392 634 592 818 592 592 525 636 337 636 838"
)
WIDTHS = {chr(32 + place): int(width) for place, width in enumerate(_ASCII.split())} | {
    "·": 318,
    "×": 838,
    "\u2013": 500,
}
OTHER = 1000  # any other character
BOLD, BOLDER = 1.16, 1.27  # of the usual width, at most; of letters that have little of it
THIN = frozenset("(),.:;[]FIJKPYfijlrt·")
ASCENT, DESCENT = 0.76, 0.24  # of the font size: above and below the line that letters stand on


class Box(NamedTuple):
    """A rectangle; without a fill only its outline."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    stroke: str = ""
    radius: float = 0
    dashed: bool = False

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


class Line(NamedTuple):
    """A line through points, with an arrow at its end if asked for; with a fill, a closed shape."""

    points: tuple[Point, ...]
    stroke: str = "line"
    fill: str = ""
    arrow: bool = False
    dashed: bool = False


class Label(NamedTuple):
    """A text whose letters stand on y, from x on, around it or up to it."""

    x: float
    y: float
    text: str
    size: float = 10
    anchor: Anchor = "start"
    colour: str = "ink"
    bold: bool = False

    @property
    def area(self) -> Box:
        """The room that it takes."""
        width = text_width(self.text, self.size, self.bold)
        left = self.x - {"start": 0, "middle": width / 2, "end": width}[self.anchor]
        return Box(left, self.y - ASCENT * self.size, width, (ASCENT + DESCENT) * self.size)


Shape: TypeAlias = Box | Line | Label


class Picture(NamedTuple):
    """Shapes in the order in which they are drawn, on a page of a size."""

    title: str
    width: float
    height: float
    shapes: tuple[Shape, ...]

    @property
    def labels(self) -> list[Label]:
        return [shape for shape in self.shapes if isinstance(shape, Label)]

    @property
    def roles(self) -> list[str]:
        """The roles of the colours in use, each once."""
        found = [name for shape in self.shapes for name in colours_of(shape) if name]
        return sorted({"paper", *found})


def colours_of(shape: Shape) -> tuple[str, ...]:
    return (shape.colour,) if isinstance(shape, Label) else (shape.fill, shape.stroke)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """An upper bound of the width of a text in common fonts.

    >>> round(text_width("64 x 56 x 56", 10))
    63
    """
    widths = ((WIDTHS.get(char, OTHER), BOLDER if char in THIN else BOLD) for char in text)
    return sum(width * (more if bold else 1) for width, more in widths) / 1000 * size


def shortened(text: str, size: float, width: float, bold: bool = False) -> str:
    """The text, or as much of it as fits into a width, with ... for the rest.

    >>> shortened("inception_module", 10, 60)
    'incepti...'
    """
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width(f"{text}...", size, bold) > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def moved(shapes: Iterable[Shape], across: float, down: float) -> list[Shape]:
    """The shapes at another place."""
    found: list[Shape] = []
    for shape in shapes:
        if isinstance(shape, Line):
            found.append(shape._replace(points=tuple((x + across, y + down) for x, y in shape.points)))
        else:
            found.append(shape._replace(x=shape.x + across, y=shape.y + down))
    return found


def rail(*points: Point, stroke: str = "line", arrow: bool = False, dashed: bool = False) -> Line:
    """A line without its redundant points."""
    kept = [points[0]]
    kept += [there for here, there in pairwise(points) if here != there]
    return Line(tuple(kept), stroke, "", arrow, dashed)


# ---------------------------------------------------------------------------------------------------- colours

# What boxes stand for: the name in legends, and the colour on white.
KINDS = {
    "conv": ("convolution", "#f0b445"),
    "linear": ("linear", "#5c9fd9"),
    "attention": ("attention", "#a78bda"),
    "recurrent": ("recurrent", "#d987b6"),
    "embedding": ("embedding", "#4db6a2"),
    "pool": ("pooling", "#e57f68"),
    "norm": ("normalization", "#a9c3a4"),
    "activation": ("activation", "#c9ced9"),
    "join": ("join", "#93a4bd"),
    "other": ("other", "#dcd6c8"),
    "input": ("input", "#e4e7ec"),
}
PLAIN: dict[Theme, dict[str, str]] = {
    "light": {"paper": "#ffffff", "ink": "#1b1f27", "faint": "#5b6472", "line": "#6b7483", "rule": "#d5d9e0",
              "frame": "#f5f6f8", "on": "#14171d", "mark": "#2f6fd0"},
    "dark": {"paper": "#14171d", "ink": "#e8ebf1", "faint": "#a3acba", "line": "#8b95a5", "rule": "#39404c",
             "frame": "#1d212a", "on": "#14171d", "mark": "#7db0ff"},
}  # fmt: skip
_SHADES = {"": ("#000000", 0.0), "top": ("#ffffff", 0.45), "side": ("#000000", 0.13)}


def colour(role: str, theme: Theme = "light") -> str:
    """The value of a role in a theme.

    >>> colour("ink"), colour("conv"), colour("conv.side"), colour("conv", "dark")
    ('#1b1f27', '#f0b445', '#d19d3c', '#d39e3d')
    """
    if role in PLAIN[theme]:
        return PLAIN[theme][role]
    kind, _, face = role.partition(".")
    value = mixed(KINDS[kind][1], "#000000", 0.12 if theme == "dark" else 0.0)
    return mixed(value, *_SHADES[face])


def mixed(one: str, two: str, share: float) -> str:
    """A colour with a share of another."""
    pairs = ((int(one[at : at + 2], 16), int(two[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(here + (there - here) * share):02x}" for here, there in pairs)


def number(value: float) -> str:
    """A length with no more digits than needed.

    >>> number(12.0), number(0.25), number(-0.01)
    ('12', '0.2', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
