"""Windows of an image: by where its positions go, and where they come back."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any, NamedTuple

from paramcalc.importing.moves import LARGEST, MOVES, back, forward, moved, replay
from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import SourceNode, Value


class Windows(NamedTuple):
    """An image in windows: what enters before they are cut, what leaves when they are put together again."""

    start: Value
    end: Value
    dims: tuple[int, ...]
    size: int
    shift: int
    grid: bool


def windows_of(net: Net, asked: Value, positions: Any, out: SourceNode, order: Any) -> Windows | None:
    """The windows in which positions meet; None where they are no windows of an image."""
    import numpy as np

    count, length = positions.shape
    size = isqrt(length)
    start, moves = back(net, asked, MOVES - {"expand"})
    dims = net.dims(start)
    if size * size != length or not moves or len(dims) != 4 or prod(dims) > LARGEST:
        return None
    channels = net.dims(asked)[-1]
    first = dims[1] == channels and dims[-1] != channels  # channels first
    height, width = dims[2:] if first else dims[1:3]
    image = np.arange(height * width).reshape(1, height, width, 1) * channels + np.arange(channels)
    image = np.moveaxis(image, -1, 1) if first else image
    places = replay(net, image, moves).reshape(count, length, channels)
    shift = next((-node.call.attributes["shifts"][0] for node in moves if name_of(node) == "roll"), 0)  # type: ignore[union-attr]
    found = (places[:, :, 0] // channels).astype(np.int64)
    for grid in (False, True):
        if found.size and (found == _cut(height, width, size, shift, grid)).all():
            break
    else:
        return None
    end = _put_together(net, out, places.reshape(-1, channels)[order], image)
    return Windows(start, end, dims, size, shift, grid) if end is not None else None


def _cut(height: int, width: int, size: int, shift: int, grid: bool) -> Any:
    """The positions of an image in windows, -1 for padding; in a grid, positions far apart meet."""
    import numpy as np

    image = np.arange(height * width).reshape(height, width)
    image = np.pad(image, ((0, -height % size), (0, -width % size)), constant_values=-1)
    image = np.roll(image, (-shift, -shift), (0, 1))
    rows, columns = image.shape[0] // size, image.shape[1] // size
    if grid:
        return image.reshape(size, rows, size, columns).transpose(1, 3, 0, 2).reshape(-1, size * size)
    return image.reshape(rows, size, columns, size).transpose(0, 2, 1, 3).reshape(-1, size * size)


def _put_together(net: Net, out: SourceNode, places: Any, image: Any) -> Value | None:
    """The value in which the windows make up the image again."""
    indices, value = places.reshape(out.dims), out.value
    for node in forward(net, value):
        indices, value = moved(net, node, indices), node.value
        if indices.shape == image.shape and (indices == image).all():
            return value
    return None
