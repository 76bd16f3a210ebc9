"""Pictures as SVG that any editor opens: the light theme as attributes, the dark one for viewers that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from paramcalc.base.errors import visible
from paramcalc.render.canvas import Box, Label, Line, Picture, Shape, Theme, colour, number
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
        rules = "".join(
            f".f-{name}{{fill:{value}}}.s-{name}{{stroke:{value}}}"
            for name, value in ((role.replace(".", "-"), colour(role, "dark")) for role in picture.roles)
        )
        lines.append(f"<style>@media (prefers-color-scheme: dark) {{{rules}}}</style>")
    lines.append(f'<rect class="f-paper" width="{width}" height="{height}" fill="{colour("paper", shown)}"/>')
    lines += _elements(picture, shown)
    return harmless("\n".join([*lines, "</svg>", ""]), "svg")


class Sheet:
    """A style sheet for pictures inside of a page: a class for each style in use, with colours for both themes."""

    def __init__(self) -> None:
        self.names: dict[tuple[object, ...], str] = {}

    def of(self, shape: Shape) -> str:
        """The class of a shape."""
        style = (
            (shape.colour, shape.size, shape.anchor, shape.bold)
            if isinstance(shape, Label)
            else shape_style(shape)
        )
        return self.names.setdefault(style, f"p{len(self.names)}")

    def rules(self) -> str:
        """The rules, the dark ones where the viewer asks for them."""
        light = "".join(f".{name}{{{_rule(style, 'light')}}}" for style, name in self.names.items())
        dark = "".join(f".{name}{{{_colours(style, 'dark')}}}" for style, name in self.names.items())
        return f"{light}@media(prefers-color-scheme:dark){{{dark}}}"


def shape_style(shape: Box | Line) -> tuple[object, ...]:
    return (shape.fill, shape.stroke, shape.dashed)


def _colours(style: tuple[object, ...], theme: Theme) -> str:
    fill, stroke = (style[0], "") if len(style) == 4 else style[:2]
    filled = f"fill:{colour(str(fill), theme)}" if fill else "fill:none"
    return filled + (f";stroke:{colour(str(stroke), theme)}" if stroke else "")


def _rule(style: tuple[object, ...], theme: Theme) -> str:
    rule = _colours(style, theme)
    if len(style) == 4:
        _, size, anchor, bold = style
        rule += f";font-size:{size}px" + (f";text-anchor:{anchor}" if anchor != "start" else "")
        return rule + (";font-weight:bold" if bold else "")
    return rule + (";stroke-dasharray:4 3" if style[2] else "")


def part(picture: Picture, sheet: Sheet, top: float = 0) -> str:
    """The picture, from a height on, inside of a page that has a sheet's rules."""
    size = f"0 {number(top)} {number(picture.width)} {number(picture.height - top)}"
    inside = "\n".join(_inner(shape, sheet) for shape in picture.shapes)
    return (
        f'<svg viewBox="{size}" width="{number(picture.width)}" role="img" aria-label="{_text(picture.title)}">\n'
        f"{inside}\n</svg>"
    )


def _inner(shape: Shape, sheet: Sheet) -> str:
    name = sheet.of(shape)
    if isinstance(shape, Label):
        return f'<text class="{name}" x="{shape.x:.0f}" y="{shape.y:.0f}">{_text(shape.text)}</text>'
    if isinstance(shape, Box):
        x, y, width, height = map(round, shape[:4])
        return f'<path class="{name}" d="M{x} {y}h{width}v{height}h-{width}z"/>'
    points = "L".join(f"{x:.0f} {y:.0f}" for x, y in shape.points)
    line = f'<path class="{name}" d="M{points}{"z" if shape.fill else ""}"/>'
    return line + (_inner(head(shape), sheet) if shape.arrow else "")


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
