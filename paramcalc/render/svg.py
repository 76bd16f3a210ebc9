"""Pictures as SVG that any editor opens: the light theme as attributes, the dark one for viewers that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from paramcalc.base.errors import visible
from paramcalc.render.canvas import Box, Label, Line, Picture, Theme, colour, number
from paramcalc.render.escape import harmless, xml

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
DASHES = ' stroke-dasharray="4 3"'


def svg(picture: Picture, theme: Theme | None = None) -> str:
    """The text of a file; without a theme it follows the viewer's."""
    width, height = number(picture.width), number(picture.height)
    shown = theme or "light"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{FONT}" role="img">',
        f"<title>{_text(picture.title)}</title>",
    ]
    if theme is None:
        rules = "".join(rules_of(picture, "dark"))
        lines.append(f"<style>@media (prefers-color-scheme: dark) {{{rules}}}</style>")
    lines.append(f'<rect class="f-paper" width="{width}" height="{height}" fill="{colour("paper", shown)}"/>')
    lines += _elements(picture, shown)
    return harmless("\n".join([*lines, "</svg>", ""]), "svg")


def part(picture: Picture) -> str:
    """The picture inside of a page, whose style sheet has the rules for both themes."""
    size = f"0 0 {number(picture.width)} {number(picture.height)}"
    inside = "\n".join(_elements(picture, None))
    return (
        f'<svg viewBox="{size}" width="{number(picture.width)}" role="img" aria-label="{_text(picture.title)}">\n'
        f"{inside}\n</svg>"
    )


def rules_of(picture: Picture, theme: Theme) -> list[str]:
    """The rules of style for the roles of a picture."""
    return [rule for role in picture.roles for rule in rules(role, theme)]


def rules(role: str, theme: Theme) -> list[str]:
    name, value = role.replace(".", "-"), colour(role, theme)
    return [f".f-{name}{{fill:{value}}}", f".s-{name}{{stroke:{value}}}"]


def _elements(picture: Picture, theme: Theme | None) -> Iterator[str]:
    for shape in picture.shapes:
        yield _label(shape, theme) if isinstance(shape, Label) else _drawn(shape, theme)


def _drawn(shape: Box | Line, theme: Theme | None) -> str:
    paint = _paint("fill", shape.fill, theme) + _paint("stroke", shape.stroke, theme)
    roles = [f"f-{shape.fill}"] * bool(shape.fill) + [f"s-{shape.stroke}"] * bool(shape.stroke)
    classes = f' class="{" ".join(roles).replace(".", "-")}"' if roles else ""
    dashes = DASHES if shape.dashed else ""
    if isinstance(shape, Box):
        corner = f' rx="{number(shape.radius)}"' if shape.radius else ""
        place = " ".join(
            f'{name}="{number(value)}"'
            for name, value in zip(("x", "y", "width", "height"), shape[:4], strict=True)
        )
        return f"<rect{classes} {place}{corner}{paint}{dashes}/>"
    points = " ".join(f"{number(x)},{number(y)}" for x, y in shape.points)
    if shape.fill:
        return f'<polygon{classes} points="{points}"{paint}{dashes}/>'
    line = f'<polyline{classes} points="{points}"{paint}{dashes}/>'
    return line + (_drawn(head(shape), theme) if shape.arrow else "")


def head(line: Line, length: float = 5, half: float = 2.6) -> Line:
    """The arrow at the end of a line, which runs along an axis there."""
    (x0, y0), (x, y) = line.points[-2:]
    if abs(x - x0) > abs(y - y0):
        back = x - length if x > x0 else x + length
        points = ((x, y), (back, y - half), (back, y + half))
    else:
        back = y - length if y > y0 else y + length
        points = ((x, y), (x - half, back), (x + half, back))
    return Line(points, "", line.stroke)


def _paint(what: str, role: str, theme: Theme | None) -> str:
    """The colour as an attribute; classes alone inside of a page."""
    if not role:
        return f' {what}="none"' if what == "fill" else ""
    return f' {what}="{colour(role, theme)}"' if theme else ""


def _label(label: Label, theme: Theme | None) -> str:
    anchor = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
    weight = ' font-weight="bold"' if label.bold else ""
    return (
        f'<text class="f-{label.colour}" x="{number(label.x)}" y="{number(label.y)}" font-size="{number(label.size)}"'
        f"{anchor}{weight}{_paint('fill', label.colour, theme)}>{_text(label.text)}</text>"
    )


def _text(text: str) -> str:
    return escape(xml(visible(text)))
