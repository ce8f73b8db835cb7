"""Files as GeneFace writes them, with the probe rule's weights: names and sizes as its classes have them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.modules.golden import ruled

Names = dict[str, torch.Size]


def named(pairs: Iterator[tuple[str, tuple[int, ...]]]) -> Names:
    return {name: torch.Size(shape) for name, shape in pairs}


def affine(name: str, *weight: int, bias: int | None = None) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", (weight[0] if bias is None else bias,)


def norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (width,)
    yield f"{name}.num_batches_tracked", ()


def conv_block(name: str, before: int, after: int, kernel: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from affine(f"{name}.conv_block.0", after, before, kernel)
    yield from norm(f"{name}.conv_block.1", after)


def syncnet() -> Names:
    def make() -> Iterator[tuple[str, tuple[int, ...]]]:
        for encoder, widths in (
            ("hubert", [1024, 128, 128, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]),
            ("mouth", [60, 96, 128, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]),
        ):
            for i in range(13):
                kernel = 1 if i == 12 else 3
                yield from conv_block(f"{encoder}_encoder.{i}", widths[i], widths[i + 1], kernel)

    return named(make())


def normed(name: str, out: int, inside: int, kernel: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.bias", (out,)
    yield f"{name}.weight_g", (out, 1, 1)
    yield f"{name}.weight_v", (out, inside, kernel)


def wavenet(name: str, width: int, kernel: int, layers: int, cond: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for i in range(layers):
        yield from normed(f"{name}.in_layers.{i}", 2 * width, width, kernel)
    for i in range(layers):
        yield from normed(f"{name}.res_skip_layers.{i}", (1 if i == layers - 1 else 2) * width, width, 1)
    yield from normed(f"{name}.cond_layer", 2 * width * layers, cond, 1)


def speech(pitch: bool = False) -> Names:
    def condition(name: str, before: int, after: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.0.weight", (64, before, 3)
        yield from norm(f"{name}.1", 64)
        yield f"{name}.3.weight", (after, 64, 3)

    def make() -> Iterator[tuple[str, tuple[int, ...]]]:
        yield from condition("mel_encoder", 1024, 64)
        if pitch:
            yield "pitch_embed.weight", (300, 64)
            yield from condition("pitch_encoder", 64, 32)
        cond = 96 if pitch else 64
        yield from affine("vae.g_pre_net.0", cond, cond, 8)
        yield from affine("vae.encoder.pre_net.0", 256, 204, 8)
        yield from wavenet("vae.encoder.wn", 256, 5, 8, cond)
        yield from affine("vae.encoder.out_proj", 32, 256, 1)
        for i in (0, 2, 4, 6):
            yield from affine(f"vae.prior_flow.flows.{i}.pre", 64, 8, 1)
            yield from wavenet(f"vae.prior_flow.flows.{i}.enc", 64, 3, 4, cond)
            yield from affine(f"vae.prior_flow.flows.{i}.post", 8, 64, 1)
        yield from affine("vae.decoder.pre_net.0", 16, 256, 4, bias=256)
        yield from wavenet("vae.decoder.wn", 256, 5, 4, cond)
        yield from affine("vae.decoder.out_proj", 204, 256, 1)

    return named(make())


def postnet(pitch: bool = False) -> Names:
    def make() -> Iterator[tuple[str, tuple[int, ...]]]:
        for block, before, after in (("block1", 268 if pitch else 204, 128), ("block2", 128, 256)):
            for i in range(3):
                yield from conv_block(f"{block}.{i}", before if i == 0 else after, after, 3)
        yield from conv_block("block3.0", 256, 128, 3)
        yield from affine("block3.1", 204, 128, 1)

    return named(make())


def critic() -> Names:
    def make() -> Iterator[tuple[str, tuple[int, ...]]]:
        widths = [204, 128, 256, 256, 128]
        for i in range(4):
            yield from affine(f"backbone.{3 * i}", widths[i + 1], widths[i])
        yield "backbone.12.weight", (1, 128)

    return named(make())


def probe_weights(names: Names) -> dict[str, Tensor]:
    """Give the rule's tensors to names; the rule knows weight norm's two tensors by other names."""
    state = ruled(names)
    for order, (name, shape) in enumerate(names.items()):
        if name.endswith(("weight_g", "weight_v")):
            as_weight = dict.fromkeys((f"{i}.weight" for i in range(order)), torch.Size([0]))
            last = torch.Size([shape.numel()]) if name.endswith("weight_g") else shape
            state[name] = ruled({**as_weight, f"{order}.weight": last})[f"{order}.weight"].reshape(shape)
    return state


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def checkpoint(step: int, **children: dict[str, Tensor]) -> dict[str, Any]:
    """Lay children into what GeneFace's trainer saves, optimiser and all."""
    memory = {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 5e-4, "params": [0]}]}
    return {
        "epoch": 0, "global_step": step, "checkpoint_callback_best": 0.25, "optimizer_states": [memory],
        "state_dict": {name: OrderedDict(state) for name, state in children.items()},
    }  # fmt: skip


def save(path: Path, content: Any) -> Path:
    """Write in the older layout of torch files, as GeneFace does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def save_syncnet(path: Path, step: int = 40000) -> Path:
    return save(path, checkpoint(step, model=probe_weights(syncnet())))


def save_speech(path: Path, pitch: bool = False, step: int = 40000) -> Path:
    inner = prefixed("model.", probe_weights(syncnet()))
    return save(path, checkpoint(step, syncnet_task=inner, model=probe_weights(speech(pitch))))


def save_postnet(path: Path, pitch: bool = False, step: int = 4000) -> Path:
    inner, voice = prefixed("model.", probe_weights(syncnet())), probe_weights(speech(pitch))
    children = {
        "audio2motion_task": {**prefixed("syncnet_task.", inner), **prefixed("model.", voice)},
        "syncnet_task": inner,
        "disc_model": probe_weights(critic()),
        "model": probe_weights(postnet(pitch)),
    }
    if pitch:
        children["pitch_embed"] = {"weight": voice["pitch_embed.weight"]}
    return save(path, checkpoint(step, **children))


def condition(encoder: str, attention: str, channels: int, smooth: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    widths = (channels, 32, 32, 64, 64)
    for i in range(4):
        yield from affine(f"{encoder}.encoder_conv.{2 * i}", widths[i + 1], widths[i], 3)
    for i in (0, 2):
        yield from affine(f"{encoder}.encoder_fc1.{i}", 64, 64)
    widths = (64, 16, 8, 4, 2, 1)
    for i in range(5):
        yield from affine(f"{attention}.attentionConvNet.{2 * i}", widths[i + 1], widths[i], 3)
    yield from affine(f"{attention}.attentionNet.0", smooth, smooth)


def nerf(speech: bool = False, cond: int = 64, color: bool = False) -> Names:
    def make() -> Iterator[tuple[str, tuple[int, ...]]]:
        if color:
            for i, (before, after) in enumerate(((3, 16), (16, 32), (32, 16))):
                yield from affine(f"color_encoder.{2 * i}", after, before)
        for net in ("model_coarse", "model_fine"):
            for i in range(8):
                inside = 63 + cond if i == 0 else 319 + cond if i == 5 else 256
                yield from affine(f"{net}.density_linears.{i}", 256, inside)
            yield from affine(f"{net}.density_out_linear", 1, 256)
            for i in range(3):
                yield from affine(f"{net}.color_linears.{i}", 128, 128 if i else 283)
            yield from affine(f"{net}.color_out_linear", 3, 128)
        if speech:
            yield from condition("aud_net", "audatt_net", 29, 8)
        else:
            yield from condition("lm_encoder", "lmatt_encoder", 204, 5)

    return named(make())


def save_nerf(path: Path, step: int = 400_000, *, torso: bool = False, speech: bool = False) -> Path:
    if not torso:
        return save(path, checkpoint(step, model=probe_weights(nerf(speech))))
    body = nerf(speech=True, cond=142 if speech else 158, color=not speech)
    return save(path, checkpoint(step, head_model=probe_weights(nerf(speech)), model=probe_weights(body)))


def save_dataset(path: Path, size: int = 12, frames: int = 6) -> Path:
    """Write `trainval_dataset.npy`: a camera that goes round a little, 0.7 in front of the origin."""
    samples = []
    for i in range(frames):
        angle = 0.05 * i
        c2w = np.eye(4, dtype=np.float32)
        c2w[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        c2w[:3, 3] = 0.7 * c2w[:3, 2]
        samples.append({"idx": i, "c2w": c2w, "euler": np.zeros(3), "face_rect": [1, 2, 3, 4], "gt_img_fname": "x.jpg"})
    background = np.arange(size * size * 3, dtype=np.uint8).reshape(size, size, 3)
    whole = {
        "idexp_lm3d_mean": np.full((1, 68, 3), 0.1, np.float32), "idexp_lm3d_std": np.full((1, 68, 3), 0.5, np.float32),
        "bg_img": background, "H": size, "W": size, "focal": np.float32(2.3 * size), "cx": size / 2, "cy": size / 2,
        "hubert": np.zeros((4, 8), np.float32), "train_samples": samples[:-1], "val_samples": samples[-1:],
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, whole, allow_pickle=True)
    return path


def radnerf(torso: bool = False, head_aware: bool = False, channels: int = 204, smooth: int = 5) -> Names:
    def mlp(name: str, *widths: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for i in range(len(widths) - 1):
            yield f"{name}.net.{i}.weight", (widths[i + 1], widths[i])

    def grid(name: str, rows: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.embeddings", (rows, 2)
        yield f"{name}.offsets", (17,)

    def make() -> Iterator[tuple[str, tuple[int, ...]]]:
        yield "individual_embeddings", (13000, 4)
        if torso:
            yield "torso_individual_codes", (13000, 8)
        yield "aabb_train", (6,)
        yield "aabb_infer", (6,)
        yield "density_grid", (1, 2097152)
        yield "density_bitfield", (262144,)
        yield "step_counter", (16, 2)
        if torso:
            yield "density_grid_torso", (16384,)
        yield from condition("cond_prenet", "cond_att_net", channels, smooth)
        yield from grid("position_embedder", 903480)
        yield from mlp("ambient_net", 96, 128, 128, 2)
        yield from grid("ambient_embedder", 555520)
        yield from mlp("sigma_net", 64, 128, 128, 129)
        yield from mlp("color_net", 148, 128, 3)
        if torso:
            known = 120 if head_aware else 104
            yield from grid("torso_embedder", 555520)
            yield from mlp("torso_deform_net", known, 64, 64, 2)
            yield from mlp("torso_canonicial_net", known + 32, 32, 32, 4)
        if head_aware:
            for i, (before, after) in enumerate(((4, 16), (16, 32), (32, 16))):
                yield from affine(f"head_color_weights_encoder.{2 * i}", after, before)

    return named(make())


def grid_offsets(dims: int) -> Tensor:
    """Return what the original keeps of its tables: rows of a level are at most 2^16, and a multiple of 8."""
    rows = [min(2**16, (math.ceil(16 * 128 ** (level / 15) - 1e-9) + 1) ** dims) for level in range(16)]
    return torch.tensor([0, *np.cumsum([math.ceil(n / 8) * 8 for n in rows])], dtype=torch.int32)


def radnerf_weights(names: Names, radius: float = 0.3) -> dict[str, Tensor]:
    """Give the rule's weights; the head fills a ball of cells about the origin, the torso the picture's lower half."""
    state = probe_weights(names)
    axis = (np.arange(128) + 0.5) / 64 - 1
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    order = np.zeros((128, 128, 128), np.int64)
    for bit in range(7):
        for place, cell in enumerate(np.meshgrid(*[np.arange(128)] * 3, indexing="ij")):
            order |= (cell >> bit & 1) << (3 * bit + place)
    full = np.zeros(128**3, np.uint8)
    full[order[x**2 + y**2 + z**2 < radius**2]] = 1
    state["density_bitfield"] = torch.from_numpy(np.packbits(full, bitorder="little"))
    state["aabb_train"] = state["aabb_infer"] = torch.tensor([-1, -0.5, -1, 1, 0.5, 1])
    state["step_counter"] = torch.zeros(16, 2, dtype=torch.int32)
    for name in names:
        if name.endswith(".offsets"):
            state[name] = grid_offsets(3 if name.startswith("position") else 2)
    if "density_grid_torso" in names:
        rows = torch.zeros(128, 128)
        rows[:, 64:] = 1  # its columns are the picture's rows
        state["density_grid_torso"] = rows.flatten()
    return state


def save_radnerf(path: Path, step: int = 250_000, *, torso: bool = False, **more: Any) -> Path:
    state = radnerf_weights(radnerf(torso, **more))
    return save(path, checkpoint(step, criterion_lpips={"lin0.model.1.weight": torch.zeros(1, 64, 1, 1)}, model=state))
