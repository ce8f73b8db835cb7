"""Cut a small ear out of Whisper's encoder, teach it to do with what lies near, and open one.

What lips need lies in the first blocks of the encoder, and they need not hear half a minute. What they say then is
learnt from speech alone (`data_gen/teach_ear.py`; `docs/audio2motion.md` has the figures).
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, ValidationError, model_validator

from utils.arrays import Floats, Numbers
from utils.assets import asset_path
from utils.config.schema import Config
from utils.errors import AssetError, ConfigError, DataError, first_line
from utils.files.array_file import ArrayFile
from utils.files.arrays import save_arrays
from utils.files.aside import folder_beside
from utils.files.digests import sha256, stamp
from utils.files.ownership import refuse_input_as_output
from utils.paths import ROOT
from utils.progress import Progress
from utils.rates import RATE, SAMPLES_A_ROW

if TYPE_CHECKING:
    from modules.motion.ear import Ear

log = logging.getLogger(__name__)

EAR_WIDTH = 512
SHIPPED = ROOT / "checkpoints" / "shipped" / "ear.safetensors"
"""The ear that comes with the program; `ear.md` beside it tells of it."""
STEP = ".step"
"""What follows a matrix's name in that of its rows' steps."""
_BLOCK = 60 * RATE
_AGAIN = "Write it with: python data_gen/run.py ear --out EAR.safetensors --speech FOLDER."
_WHISPERS = {"conv1": "stem", "conv2": "halve"}
_WHISPERS_BLOCK = {
    "self_attn_layer_norm": "norm", "self_attn.q_proj": "query", "self_attn.k_proj": "key", "self_attn.v_proj": "value",
    "self_attn.out_proj": "out", "final_layer_norm": "norm_up", "fc1": "up", "fc2": "down",
}  # fmt: skip
"""What Whisper's layers are called by transformers -> what ours are."""


class EarSizes(Config):
    """What a file says of its ear."""

    width: Annotated[int, Field(ge=EAR_WIDTH, le=EAR_WIDTH)]
    blocks: Annotated[int, Field(ge=1, le=32)]
    heads: Annotated[int, Field(ge=1, le=64)]
    hidden: Annotated[int, Field(ge=1, le=16384)]
    back: Annotated[int, Field(ge=0, le=700)]
    ahead: Annotated[int, Field(ge=0, le=100)]

    @model_validator(mode="after")
    def _fit(self) -> EarSizes:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not share {self.width} channels")
        return self


class EarCommand(Config):
    """Cut an ear out of Whisper's encoder, its front and its first blocks, and teach it from speech; a byte a weight.

        python data_gen/run.py ear --out ear.safetensors --speech data/raw/speech

    `--audio_feature ear@ear.safetensors` then hears with it. An hour or two of clear speech in several voices will do;
    nothing need be said of it. Whisper's encoder is fetched where it is not at hand.
    """

    out: Path
    """the file, .safetensors"""
    speech: Path
    """folder of speech to learn from, films or sounds, at any depth"""
    updates: Annotated[int, Field(ge=1)] = 1000
    """how many steps of learning, 32 s of speech each"""
    blocks: Annotated[int, Field(ge=1, le=6)] = 2
    """how many of its six blocks"""
    back: Annotated[int, Field(ge=1, le=700)] = 100
    """rows (50/s) before its own that a row of a block looks at"""
    ahead: Annotated[int, Field(ge=0, le=100)] = 6
    """rows after its own"""


def main(args: EarCommand) -> int:
    """Write the file and say what it is; return 0.

    Raises:
        ConfigError: Its name ends otherwise, or Whisper's encoder has sizes that are no ear's.
        DataError: The folder holds no speech, or none of eight seconds; the file cannot be written there.
        AssetError: Whisper's encoder is not here and cannot be fetched.
    """
    import torch
    from safetensors.numpy import load_file

    from data_gen.teach_ear import Course, Teacher, lesson, sounds
    from modules.motion.ear import Ear

    if args.out.suffix != ".safetensors":
        raise ConfigError(f"--out {args.out}: let the name end in .safetensors.")
    _refuse_other_file(args.out)
    folder = asset_path("whisper_base_encoder")
    weights = folder / "model.safetensors"
    refuse_input_as_output(args.out, [weights], "--out")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    try:
        sizes = EarSizes(
            width=config["d_model"], blocks=args.blocks, heads=config["encoder_attention_heads"],
            hidden=config["encoder_ffn_dim"], back=args.back, ahead=args.ahead,
        )  # fmt: skip
    except ValidationError as error:
        raise ConfigError(f"{folder} holds no encoder for an ear: {_reason(error)}.") from None
    ear = Ear(**sizes.model_dump())
    found = {name: torch.from_numpy(array) for name, array in of_whisper(load_file(weights), args.blocks).items()}
    ear.load_state_dict(ear.state_dict() | found)
    files, teacher, taught = sounds(args.speech), Teacher(ear), []
    with folder_beside(args.out) as kept:
        with Progress("sounds", len(files)) as bar:
            for file in files:
                try:
                    one = lesson(file, teacher, kept)
                except DataError as error:
                    log.warning("left out: %s", error)
                else:
                    taught += [] if one is None else [one]
                bar.step()
        course = Course(ear, taught)
        course.begin()
        with Progress("updates", args.updates) as bar:
            for update, loss in enumerate(course.learn(args.updates), start=1):
                if bar.due() or update == args.updates:
                    bar.at(update, f"loss {loss:.3f}")
        off, seconds = course.error(), sum(len(one.wav) for one in taught) / RATE
    save_arrays(args.out, in_eight_bits({name: value.numpy() for name, value in ear.state_dict().items()}), {
        "ear": sizes.model_dump_json(), "licence": "MIT, Copyright (c) 2022 OpenAI",
        "source": f"the encoder of openai/whisper-base, model.safetensors of sha256 {sha256(weights)}",
        "taught": f"{args.updates} updates, {len(taught)} sounds, {seconds:.0f} s",
    })  # fmt: skip
    open_ear.cache_clear()
    count = sum(parameter.numel() for parameter in ear.parameters())
    print(
        f"{args.out}: {count / 1e6:.1f} million parameters, hears {ear.look_ahead:.2f} s ahead; off by "
        f"{off:.2f} of a channel's spread"
    )
    return 0


def _refuse_other_file(out: Path) -> None:
    """Refuse to write over a file that is no ear."""
    if os.path.lexists(out):
        try:
            with closing(ArrayFile(out, "")) as there:
                ours = "ear" in there.metadata
        except (DataError, OSError):
            ours = False
        if not ours:
            raise ConfigError(f"{out} lies where the ear goes, and is none. Give --out another name.")


def _reason(error: Exception) -> str:
    """Return in one line what is wrong."""
    if isinstance(error, ValidationError):
        return error.errors()[0]["msg"].removeprefix("Value error, ")
    return first_line(error)


def of_whisper(state: Mapping[str, Numbers], blocks: int) -> dict[str, Floats]:
    """Return an ear's weights, float32, out of Whisper's as transformers calls them, alone or with their decoder."""
    names = dict(_WHISPERS)
    for number in range(blocks):
        names |= {f"layers.{number}.{theirs}": f"blocks.{number}.{ours}" for theirs, ours in _WHISPERS_BLOCK.items()}
    found = {}
    for name, array in state.items():
        layer, _, kind = name.removeprefix("model.").removeprefix("encoder.").rpartition(".")
        if layer in names:
            found[f"{names[layer]}.{kind}"] = np.asarray(array, np.float32)
    return found


def in_eight_bits(arrays: Mapping[str, Floats]) -> dict[str, Numbers]:
    """Round matrices and kernels to 255 steps a row, and the rest to 16 bits."""
    kept: dict[str, Numbers] = {}
    for name, array in arrays.items():
        if array.ndim < 2:
            kept[name] = array.astype(np.float16)
            continue
        rows = array.reshape(len(array), -1)
        step = np.maximum(np.abs(rows).max(axis=1) / 127, 1e-7).astype(np.float16)
        whole = np.round(rows / step.astype(np.float32)[:, None]).clip(-127, 127)
        kept |= {name: whole.reshape(array.shape).astype(np.int8), name + STEP: step}
    return kept


def from_eight_bits(kept: Mapping[str, Numbers]) -> dict[str, Floats]:
    """Return the arrays that `in_eight_bits` was given, float32, to within half a step."""
    arrays = {name: np.asarray(array, np.float32) for name, array in kept.items() if not name.endswith(STEP)}
    for name, array in kept.items():
        if name.endswith(STEP):
            whole = arrays[name.removesuffix(STEP)]
            arrays[name.removesuffix(STEP)] = whole * np.float32(array).reshape(-1, *[1] * (whole.ndim - 1))
    return arrays


def is_ear(name: str) -> bool:
    """Tell whether a speech feature is what an ear hears: `ear`, or `ear@FILE`."""
    return name == "ear" or name.startswith("ear@")


def ears_of(names: Iterable[str]) -> dict[str, str]:
    """Tell which ear hears each of some speech features now: the beginning of its file's digest; others have none.

    Raises:
        AssetError: An ear's file is missing.
    """
    return {name: _digest(file, stamp(file)) for name in names if is_ear(name) for file in [_file_here(name)]}


def refuse_other_ear(name: str, heard_by: str, what: str, again: str) -> None:
    """Refuse what was made with another ear than the one that would hear a speech feature now.

    Args:
        name: The speech feature.
        heard_by: What `ears_of` said when it was made; empty where that is not known.
        what: What was made, for the error: a dataset, a run.
        again: How to make it anew, a sentence.

    Raises:
        ConfigError: It was. Where the ear's file is missing nothing is said before it is needed.
    """
    if heard_by and is_ear(name) and _file(name).is_file() and (now := ears_of([name])[name]) != heard_by:
        raise ConfigError(f"{what} goes with another ear ({heard_by}) than {_file(name)} is ({now}). {again}")


@functools.lru_cache(maxsize=4)
def _digest(file: Path, _: tuple[int, int, int]) -> str:
    return sha256(file)[:16]


def _file(name: str) -> Path:
    """Return where the ear lies that a speech feature names."""
    return SHIPPED if name == "ear" else Path(name.partition("@")[2]).expanduser()


def _file_here(name: str) -> Path:
    """Return the file of the ear that a speech feature names; `AssetError` when it is missing."""
    file = _file(name)
    if not file.is_file():
        raise AssetError(f"{name}: {file} does not exist. {_AGAIN}")
    return file


@functools.lru_cache(maxsize=2)
def open_ear(name: str) -> Ear:
    """Return the ear that a speech feature names, in eval mode, on the CPU.

    Raises:
        AssetError: Its file is missing, or is none.
    """
    import torch  # and the ear itself, which is a network: names are checked without either

    from modules.motion.ear import Ear

    file = _file_here(name)
    try:
        with closing(ArrayFile(file, _AGAIN)) as opened:
            sizes = EarSizes.model_validate_json(opened.metadata.get("ear", ""))
            weights = from_eight_bits({part: opened.rows(part) for part in opened.names})
        with torch.device("meta"):  # sizes that a stranger chose take no memory before the weights are seen to fit
            ear = Ear(**sizes.model_dump())
        ear.load_state_dict({part: torch.from_numpy(array) for part, array in weights.items()}, assign=True)
    except (DataError, ValidationError, KeyError, ValueError, RuntimeError) as error:
        raise AssetError(f"{file} is no ear ({_reason(error)}). {_AGAIN}") from None
    return ear.with_tables().eval()


def heard_by_ear(wav: Floats, name: str) -> Floats:
    """Return what an ear hears in samples (320 T,), (T, 512) float32, a minute at a time."""
    import torch

    from modules.motion.ear import EarStream

    stream = EarStream(open_ear(name))
    sound = torch.from_numpy(np.ascontiguousarray(wav, np.float32))
    rows = [stream.add(sound[start : start + _BLOCK]) for start in range(0, len(sound), _BLOCK)]
    heard: Floats = torch.cat([*rows, stream.finish()]).numpy()
    assert len(heard) == len(wav) // SAMPLES_A_ROW
    return heard
