"""The array functions that ops are handed for their forward pass.

An op sees only this toolbox, never NumPy. Whatever multiplies weights or activations with each
other and sums up goes through `matmul`, `convolve` or `convolve_transposed`, which tally the
multiplications of the very arrays that they hand to the matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramcalc.ops._window import Window
from paramcalc.verify import convolution
from paramcalc.verify.erf import erf

if TYPE_CHECKING:
    from paramcalc.base.shape import Shape
    from paramcalc.ops.base import Op

Array: TypeAlias = NDArray[Any]

PIECE = 1 << 18  # elements of a piece that stays in the cache from one elementwise pass to the next
PLAIN = {  # NumPy's functions that ops may call as they are: none of them multiplies and sums up
    "abs", "add", "arange", "array", "broadcast_to", "concatenate", "cos", "empty", "exp", "expm1", "floor", "log",
    "log1p", "max", "maximum", "mean", "min", "minimum", "moveaxis", "power", "repeat", "sin", "sqrt", "stack", "sum",
    "take_along_axis", "tanh", "where", "zeros",
}  # fmt: skip
PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Tools:
    """Array functions, and a tally of multiplications.

    An op that needs to know where an axis is in its arrays asks `axis`; an op that may overwrite its
    input, if nobody else reads it, asks `into`. One without inputs finds the number of samples in `batch`,
    and the type of numbers in `dtype`.
    """

    def __init__(self, dtype: str = "float64") -> None:
        self.multiplications = 0
        self.batch = 1
        self.dtype = dtype
        self.shapes: tuple[Shape, ...] = ()
        self.cache: dict[str, Array] | None = None  # of the layer that is run, from one token to the next
        self._spare: frozenset[int] = frozenset()

    def apply(
        self,
        op: Op,
        shapes: Sequence[Shape],
        arrays: Sequence[Array],
        weights: Mapping[str, Array],
        spare: Collection[Array] = (),
    ) -> Array:
        """The op's output for a batch; it may be one of the inputs, or a view of one.

        shapes:  of the inputs, without the batch; they only name the arrays' axes
        arrays:  N, then the axes of the shape
        weights: learned and frozen weights and buffers by name
        spare:   those of the arrays that may be overwritten, as neither they nor an array that
                 shares their memory is read again
        """
        self.shapes = tuple(shapes)
        self._spare = frozenset(id(array) for array in spare)
        y: Array = op.forward(self, *arrays, **weights)
        return y

    def axis(self, name: str, of: int = 0) -> int:
        """Position of a named axis in the array of an input; the batch is axis 0."""
        return 1 + self.shapes[of].axes.index(name)

    def kept(self, name: str, x: Array, past: int) -> Array:
        """The cached positions of a name, `past` of them, followed by `x`, ... x length x channels.

        Zeros where no tokens went before. Whatever comes after finds both.
        """
        if past:
            before = np.zeros((*x.shape[:-2], past, x.shape[-1]), x.dtype)
            x = np.concatenate([self.left(name, before), x], -2)
        self.leave(name, x)
        return x

    def left(self, name: str, otherwise: Array) -> Array:
        """The array that earlier tokens left under a name, if any."""
        return otherwise if self.cache is None else self.cache.get(name, otherwise)

    def leave(self, name: str, x: Array) -> None:
        """Leaves an array for the tokens after, if there will be any."""
        if self.cache is not None:
            self.cache[name] = x.copy()

    def into(self, x: Array) -> Array:
        """An array for a result like `x`: `x` itself if it may be overwritten, else a new one."""
        if id(x) in self._spare and x.flags.c_contiguous and x.flags.writeable:
            return x
        return np.empty(x.shape, x.dtype)

    # -------------------------------------------------------------- functions that contract nothing

    contiguous = staticmethod(np.ascontiguousarray)
    erf = staticmethod(erf)

    def __getattr__(self, name: str) -> Any:
        """A function of NumPy's that may be used under its own name."""
        if name not in PLAIN:
            raise AttributeError(f"ops have no array function '{name}'")
        return getattr(np, name)

    @staticmethod
    def epsilon(x: Array) -> float:
        """The step from 1 to the next number of the array's type."""
        return float(np.finfo(x.dtype).eps)

    @staticmethod
    def along(vector: Array, axis: int, like: Array) -> Array:
        """A vector shaped so that it broadcasts along one axis of another array."""
        return vector.reshape([-1 if index == axis else 1 for index in range(like.ndim)])

    @staticmethod
    def pad(x: Array, ends: Sequence[tuple[int, int]], mode: str = "zeros") -> Array:
        """Positions added before and after the last axes; modes are named as in PyTorch."""
        return np.pad(x, [(0, 0)] * (x.ndim - len(ends)) + list(ends), PAD_MODES[mode])  # type: ignore[call-overload, no-any-return]

    def elementwise(self, function: Callable[..., Array], x: Array, *others: Array | float) -> Array:
        """`function` of arrays of one shape, and of numbers, element by element.

        The function gets flat pieces that stay in the cache, and may make temporaries as it likes.
        The result overwrites `x` if it may. One of NumPy's own functions writes there directly.
        A number is spread over a piece: NumPy takes several times as long with a number as with an array.
        """
        out = self.into(x)
        target = out.reshape(-1)
        length = min(PIECE, out.size)
        flats = [np.ravel(one) if isinstance(one, np.ndarray) else np.full(length, one, x.dtype)
                 for one in (x, *others)]  # fmt: skip
        with np.errstate(over="ignore"):
            for first in range(0, out.size, PIECE):
                piece = target[first : first + PIECE]
                parts = [flat[first % flat.size :][: piece.size] for flat in flats]
                if isinstance(function, np.ufunc):
                    function(*parts, out=piece)
                else:
                    piece[:] = function(*parts)
        return out

    def scale_shift(self, x: Array, scale: Array, shift: Array, axis: int) -> Array:
        """x * scale + shift, with a number each for every index of one axis."""
        y: Array = np.multiply(x, self.along(scale, axis, x), out=self.into(x))
        y += self.along(shift, axis, x)
        return y

    # ------------------------------------------------------------------------------ sliding windows

    @staticmethod
    def starts(x: Array, each: Sequence[Window], *, ceil_mode: bool = False) -> list[range]:
        """Where the windows start along each of the last axes of `x`; below zero is padding."""
        sizes = x.shape[-len(each) :]
        return [convolution.starts(size, w, ceil_mode=ceil_mode) for size, w in zip(sizes, each, strict=True)]

    def slide_max(self, x: Array, each: Sequence[Window], places: Sequence[range]) -> Array:
        """The greatest element of each window over the last axes; padding is minus infinity."""
        return convolution.slide(np.maximum, -np.inf, x, each, places)

    def slide_sum(self, x: Array, each: Sequence[Window], places: Sequence[range]) -> Array:
        """The sum of each window over the last axes; padding is zero."""
        return convolution.slide(np.add, 0, x, each, places)

    # --------------------------------------------------------------------------------- contractions

    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product over the last two axes; the axes before them broadcast."""
        if b.ndim == 2 and a.ndim > 2:  # one product instead of one for each sample
            return self.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        y = np.empty((*lead, a.shape[-2], b.shape[-1]), np.result_type(a, b))
        self._multiply(a, b, y)
        return y

    def convolve(
        self, x: Array, weight: Array, each: Sequence[Window], groups: int = 1, bias: Array | None = None
    ) -> Array:
        """The sliding dot product, zeros for padding.

        x:      N x channels x space
        weight: out_channels x channels/groups x kernel
        each:   stride, dilation and padding along each axis of the space
        y:      N x out_channels x positions
        """
        _check_kernel(weight, each)
        return convolution.convolve(self._multiply, x, weight, each, groups, bias)

    def convolve_transposed(
        self,
        x: Array,
        weight: Array,
        each: Sequence[Window],
        extra: Sequence[int],
        groups: int = 1,
        bias: Array | None = None,
    ) -> Array:
        """The convolution run backwards: each position adds its scaled kernel to the output.

        x:      N x channels x space
        weight: channels x out_channels/groups x kernel
        each:   stride, dilation, and what is cut off (padding) along each axis of the space
        extra:  positions added at the far end of each axis
        y:      N x out_channels x positions
        """
        _check_kernel(weight, each)
        return convolution.convolve_transposed(self._multiply, x, weight, each, extra, groups, bias)

    def _multiply(self, a: Array, b: Array, out: Array) -> None:
        """The matrix product into `out`, tallied by the arrays that it is made of."""
        np.matmul(a, b, out=out)
        self.multiplications += out.size * int(a.shape[-1])


def _check_kernel(weight: Array, each: Sequence[Window]) -> None:
    """A kernel of another size than the windows have would read beyond the array."""
    kernel, wanted = weight.shape[2:], tuple(window.kernel for window in each)
    if kernel != wanted:
        raise ValueError(f"a kernel of {kernel} does not fit windows of {wanted}")
