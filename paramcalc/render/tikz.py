"""Pictures as TikZ, to be read by `\\input` into a document that uses the package tikz."""

from __future__ import annotations

from collections.abc import Iterator

from paramcalc.render.canvas import Box, Label, Line, Picture, Point, Theme, colour, number
from paramcalc.render.escape import comment, harmless, tex

ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
SIGNS = {"·": r"$\cdot$", "→": r"$\to$", "<": "$<$", ">": "$>$", "|": "$|$"}  # not in every font of text


def tikz(picture: Picture, theme: Theme = "light") -> str:
    """A `tikzpicture` with its colours; lengths are pixels of 0.75 bp."""
    lines = [
        comment("%", picture.title).rstrip("\n"),
        r"% \usepackage{tikz}; \resizebox{\linewidth}{!}{\input{THIS FILE}} fits it to the line",
        r"\begin{tikzpicture}[x=0.75bp, y=-0.75bp, line width=0.75bp, inner sep=0pt,",
        r"  font=\sffamily\fontsize{10bp}{10bp}\selectfont]",
    ]
    lines += [
        rf"\definecolor{{{_name(role)}}}{{HTML}}{{{colour(role, theme)[1:].upper()}}}"
        for role in picture.roles
    ]
    page = f"(0,0) rectangle ({number(picture.width)},{number(picture.height)})"
    lines.append(rf"\useasboundingbox {page};")
    if theme == "dark":
        lines.append(rf"\fill[{_name('paper')}] {page};")
    lines += _commands(picture)
    return harmless("\n".join([*lines, r"\end{tikzpicture}", ""]), "latex")


def _commands(picture: Picture) -> Iterator[str]:
    for shape in picture.shapes:
        if isinstance(shape, Label):
            yield _node(shape)
        elif isinstance(shape, Box):
            corners = f"({number(shape.x)},{number(shape.y)}) rectangle ({number(shape.right)},{number(shape.bottom)})"
            rounded = f"rounded corners={number(0.75 * shape.radius)}bp" if shape.radius else ""
            yield f"{_path(shape, rounded)} {corners};"
        else:
            arrow = "-stealth" if shape.arrow else ""
            yield f"{_path(shape, arrow)} {_points(shape.points)}{' -- cycle' if shape.fill else ''};"


def _path(shape: Box | Line, also: str) -> str:
    options = [f"draw={_name(shape.stroke)}"] if shape.stroke else []
    options += [f"fill={_name(shape.fill)}"] if shape.fill else []
    options += ["dashed"] * shape.dashed + [also] * bool(also)
    return rf"\path[{', '.join(options)}]"


def _points(points: tuple[Point, ...]) -> str:
    return " -- ".join(f"({number(x)},{number(y)})" for x, y in points)


def _node(label: Label) -> str:
    bold = r"\bfseries " if label.bold else ""
    text = "".join(SIGNS.get(char, char) for char in tex(label.text))
    return (
        rf"\node[anchor={ANCHORS[label.anchor]}, text={_name(label.colour)}, scale={0.075 * label.size:.3f}] "
        rf"at ({number(label.x)},{number(label.y)}) {{{bold}{text}}};"
    )


def _name(role: str) -> str:
    return f"paramcalc-{role.replace('.', '-')}"
