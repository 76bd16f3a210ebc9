"""Common code of ops that sample an image between its positions."""

from __future__ import annotations

from paramcalc.base.sizes import Size
from paramcalc.ops.base import Array, Tools


def sampling(locations: Size, values: Size) -> dict[str, Size]:
    """The work of bilinear samples: `values` of them, all channels of a location with the same weights.

    A location has two fractions and what they leave of 1 (4 subtractions), whose products are the four
    weights; rounding down is free. A value is four products and their sum.
    """
    return {
        "subtract": 4 * locations,
        "multiply": 4 * locations + 4 * values,
        "add": 3 * values,
    }


def bilinear(tools: Tools, image: Array, rows: Array, columns: Array) -> Array:
    """The image at fractional places, zero outside.

    image:         N x channels x height x width
    rows, columns: N x places, in positions of the image
    result:        N x channels x places
    """
    height, width = image.shape[2:]
    flat = image.reshape(*image.shape[:2], -1)
    top, left = tools.floor(rows), tools.floor(columns)
    found = tools.zeros((*flat.shape[:2], rows.shape[1]), image.dtype)
    for row, down in ((top, rows - top), (top + 1, 1 - (rows - top))):
        for column, along in ((left, columns - left), (left + 1, 1 - (columns - left))):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weight = (1 - down) * (1 - along) * inside
            at = row.clip(0, height - 1).astype(int) * width + column.clip(0, width - 1).astype(int)
            for sample, places in enumerate(at):
                found[sample] += flat[sample][:, places] * weight[sample]
    return found
