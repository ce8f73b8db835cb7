"""Files as other projects write them, made of the probe rule's weights, and what the importer makes of them."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from tasks.exchange.registry import recognised
from tasks.exchange.source import Converted
from tasks.weights.read import read_file


def shapes(make: Callable[[], nn.Module]) -> dict[str, torch.Size]:
    """Return the names and shapes of a network without giving it memory."""
    with torch.device("meta"):
        return {name: value.shape for name, value in make().state_dict().items()}


def converted(path: Path) -> tuple[str, Converted]:
    """Import a file as the command does, and return what it was taken for and the run."""
    file = read_file(path)
    (source,) = recognised(file.tensors, file.kind)
    return source.name, source.convert(file.tensors, file.extras, path)


def loaded(make: Callable[[], nn.Module], run: Converted, prefix: str = "model.") -> nn.Module:
    """Build one of our networks around what was converted, without a second copy of it."""
    with torch.device("meta"):
        network = make()
    own = {name.removeprefix(prefix): value for name, value in run.state_dict.items() if name.startswith(prefix)}
    network.load_state_dict(own, assign=True)
    return network.eval()


@contextmanager
def stranger(module: str, name: str, base: type) -> Iterator[type]:
    """Lend a class of a module that exists only within the block, as the class of a pickled network."""
    made = type(name, (base,), {"__module__": module})
    sys.modules[module] = types.ModuleType(module)
    setattr(sys.modules[module], name, made)
    try:
        yield made
    finally:
        del sys.modules[module]


def without_counts(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop what torch before 0.4.1 did not save."""
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def python2_file(path: Path, state: dict[str, Tensor]) -> None:
    """Write a state dict in torch's older layout with its texts as Python 2 pickles them."""
    torch.save(state, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    for name in state:
        text = name.encode()
        data = data.replace(b"X" + len(text).to_bytes(4, "little") + text, b"U" + bytes([len(text)]) + text, 1)
    path.write_bytes(data)


class Network(nn.Module):
    """A network of a stranger: what is shared, is no parameter or is not saved is in it too."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU())
        self.activation = nn.functional.relu
        self.register_buffer("unsaved", torch.ones(2), persistent=False)
        self.tied = self.body[0]


def whole(path: Path, *, zipped: bool = True, **attributes: object) -> dict[str, torch.Tensor]:
    """Write a network as a whole, of a class that is gone afterwards; return its state dict."""
    with stranger("neuralnet", "Published", Network) as Published:
        network = Published()
        for name, value in attributes.items():
            setattr(network, name, value)
        torch.save(network, path, _use_new_zipfile_serialization=zipped)
        return network.state_dict()
