"""A GPU that is none: tensors that say they lie on `cuda:0`, whose numbers lie in ordinary memory.

What would fail on a GPU fails here too, on any machine: an operation on tensors of two devices, numpy asked for what
lies there, a generator of the other device. Speed and rounding are those of a processor. Nothing can be differentiated,
because torch's engine asks the device itself: call it without gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

GPU = torch.device("cuda", 0)
aten = torch.ops.aten
MOVES = {aten._to_copy, aten.copy_, aten.lift_fresh, aten.detach, aten._local_scalar_dense}
"""Operations that may see tensors of two devices."""
INDEXED = {aten.index, aten.index_put_, aten._index_put_impl_, aten.index_put}
"""Operations whose indices may lie in ordinary memory."""
DIRECT = {Tensor.nonzero, Tensor.__invert__, F.embedding_bag, torch.where}
"""Operations that ask the driver, or make something on the GPU where no mode sees it."""
NUMBERS = {"__float__", "__int__", "__bool__", "__index__", "item", "tolist"}
"""What waits for the device and brings a number home."""


class WrongDevice(RuntimeError):
    """An operation that a GPU refuses."""


class FakeGpuTensor(Tensor):
    """A tensor on `cuda:0` whose numbers are in `numbers`, an ordinary tensor."""

    numbers: Tensor

    @staticmethod
    def __new__(cls, numbers: Tensor) -> FakeGpuTensor:
        """Take the shape of `numbers`."""
        made: Any = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, numbers.shape, strides=numbers.stride(), storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype, device=GPU,
        )  # fmt: skip
        made.numbers = numbers
        return made  # type: ignore[no-any-return]

    def __repr__(self, *_: Any, **__: Any) -> str:
        """Name it without looking at its numbers."""
        return f"FakeGpuTensor{tuple(self.shape)}"

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute in ordinary memory what a GPU would compute.

        Raises:
            WrongDevice: Some of the tensors lie elsewhere.
        """
        return _compute(call, args, kwargs or {})


class _FakeGpu(TorchFunctionMode):
    """Answer what torch would first ask a GPU's driver for, which is not there."""

    def __torch_function__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do it in ordinary memory.

        Raises:
            WrongDevice: Numbers on the GPU are asked for without fetching them.
        """
        kwargs = kwargs or {}
        first = args[0] if args else None
        if not isinstance(first, FakeGpuTensor):
            return _made(call, args, kwargs)
        name = getattr(call, "__name__", "")
        if name in ("numpy", "__array__"):
            raise WrongDevice(f"{name} of a tensor on the GPU: fetch it with .cpu() first")
        if name in NUMBERS:
            return getattr(first.numbers, name)(*args[1:])
        if call in (Tensor.to, Tensor.cuda, Tensor.cpu):
            return _moved(call, first, args[1:], kwargs)
        if call is Tensor.contiguous:
            return first.clone(memory_format=kwargs.get("memory_format", torch.contiguous_format))
        if call is Tensor.new_tensor:
            return FakeGpuTensor(first.numbers.new_tensor(*args[1:], **kwargs))
        if call in DIRECT:
            _refuse_others(call, [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)])
            return FakeGpuTensor(call(*_bare(args), **_bare(kwargs)))
        if call is Tensor.copy_:
            first.numbers.copy_(_bare(args[1]))
            return first
        if call is Tensor.__getitem__:
            return FakeGpuTensor(first.numbers[_bare(args[1])])
        if call is Tensor.__setitem__:
            _refuse_others(call, [first, *(leaf for leaf in tree_flatten(args[2])[0] if isinstance(leaf, Tensor))])
            first.numbers[_bare(args[1])] = _bare(args[2])
            return None
        return call(*args, **kwargs)


class _MadeWithin(TorchDispatchMode):
    """Make what torch's own operations make on the GPU for themselves."""

    def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do it in ordinary memory."""
        return _compute(call, args, kwargs or {})


def _moved(call: Any, tensor: Tensor, args: Any, kwargs: dict[str, Any]) -> Any:
    """Move a tensor to the GPU, from it, or to another type where it lies; the same one when nothing changes."""
    there = isinstance(tensor, FakeGpuTensor)
    numbers = tensor.numbers if isinstance(tensor, FakeGpuTensor) else tensor
    targets = [one for one in (*args, *kwargs.values()) if isinstance(one, str | torch.device | Tensor)]
    if call is Tensor.cpu or (targets and torch.device(getattr(targets[0], "device", targets[0])).type == "cpu"):
        return numbers.clone().to(*_bare(args), **_bare(kwargs)) if call is Tensor.to else numbers.clone()
    if not there and not targets and call is not Tensor.cuda:
        return call(tensor, *args, **kwargs)
    home = ["cpu" if isinstance(one, str) else one for one in _bare(args)]
    changed = numbers.to(*home, **_bare(kwargs)) if call is Tensor.to else numbers
    return tensor if there and changed is numbers else FakeGpuTensor(changed if there else changed.clone())


def _made(call: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call what makes or moves a tensor, and put it where it was to be."""
    if call in (Tensor.to, Tensor.cuda):
        return _moved(call, args[0], args[1:], kwargs)
    device = kwargs.get("device")
    if device is None or torch.device(device).type != "cuda":
        return call(*args, **kwargs)
    if (generator := kwargs.get("generator")) is not None and generator.device.type != "cuda":
        raise WrongDevice(f"{call}: a generator of the processor for a tensor on the GPU")
    made = call(*args, **{**kwargs, "device": "cpu"})
    return FakeGpuTensor(made) if isinstance(made, Tensor) and not isinstance(made, FakeGpuTensor) else made


def _bare(parts: Any) -> Any:
    """Put the numbers in ordinary memory in the place of tensors on the GPU, and the processor in that of the GPU."""

    def bare(leaf: Any) -> Any:
        if isinstance(leaf, FakeGpuTensor):
            return leaf.numbers
        return torch.device("cpu") if isinstance(leaf, torch.device) else leaf

    return tree_map(bare, parts)


def _compute(call: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves = tree_flatten((args, kwargs))[0]
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    on_gpu = [one for one in tensors if isinstance(one, FakeGpuTensor)]
    device = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    packet = call.overloadpacket
    if on_gpu and packet not in MOVES:
        _refuse_others(call, tensors, indexed=packet in INDEXED)
    to_gpu = bool(on_gpu) if device is None else device.type == "cuda"
    if packet is aten.copy_:
        to_gpu = isinstance(args[0], FakeGpuTensor)
    results = call(*_bare(args), **_bare(kwargs))
    outer = {id(one.numbers): one for one in on_gpu}

    def shown(leaf: Any) -> Any:
        if not to_gpu or not isinstance(leaf, Tensor):
            return leaf
        return outer[id(leaf)] if id(leaf) in outer else FakeGpuTensor(leaf)

    return tree_map(shown, results)


def _refuse_others(call: Any, tensors: list[Tensor], *, indexed: bool = False) -> None:
    """Refuse tensors in ordinary memory, but for single numbers and, where that is so, indices."""
    for number, tensor in enumerate(tensors):
        if isinstance(tensor, FakeGpuTensor) or not tensor.dim():
            continue
        index = indexed and number > 0 and not tensor.is_floating_point() and isinstance(tensors[0], FakeGpuTensor)
        if not index:
            raise WrongDevice(f"{call}: {tuple(tensor.shape)} in ordinary memory beside a tensor on the GPU")


@contextmanager
def fake_gpu() -> Iterator[None]:
    """Make tensors of `cuda:0` possible, and moving modules there, while this lasts; nothing keeps a gradient."""

    def plainly(self: Any) -> None:
        self._inference_mode_context = torch.no_grad()  # tensors of that mode are no views of those from before it
        self._inference_mode_context.__enter__()

    kept = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with mock.patch.object(torch.inference_mode, "__enter__", plainly), torch.no_grad(), _MadeWithin(), _FakeGpu():
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(kept)


def to_gpu(batch: Any) -> Any:
    """Return a batch, or whatever holds tensors, with its tensors on the GPU."""
    return tree_map(lambda leaf: leaf.to(GPU) if isinstance(leaf, Tensor) else leaf, batch)
