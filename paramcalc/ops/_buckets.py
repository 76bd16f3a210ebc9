"""Distances in buckets: near ones each have their own, far ones share one by their logarithm (T5)."""

from __future__ import annotations

from math import log

FARTHEST = 128  # from where on all distances share the last bucket, in all of T5's family


def bucket(distance: int, buckets: int, causal: bool) -> int:
    """The bucket of a key `distance` positions after the query, before it if negative.

    >>> [bucket(-back, 32, True) for back in (0, 1, 15, 16, 20, 127, 500)]
    [0, 1, 15, 16, 17, 31, 31]
    """
    first = 0
    if not causal:
        buckets //= 2
        first = buckets if distance > 0 else 0
        distance = -abs(distance)
    back = max(-distance, 0)
    near = buckets // 2
    if back < near:
        return first + back
    if near >= FARTHEST:
        return first + buckets - 1
    far = near + int(log(back / near) / log(FARTHEST / near) * (buckets - near))
    return first + min(far, buckets - 1)
