"""Render several frames at once with shapes that do not depend on what is seen.

Nothing waits for the device and no shape follows from a value, so that a GPU records the whole of it once and replays
it as one graph. Rays that hit something are packed into a fixed number of places; when there were too few of these, the
frames are rendered again with more. On a processor it gives the same pictures, only slower than `FrameRenderer`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from modules.renderer.inference import FrameRenderer, shade
from modules.renderer.landmark_code import POINT_GROUPS
from modules.renderer.marcher import HIT_DEPTH, HeadMarcher, coarse_density, compose
from modules.renderer.rays import box_span, project, turned
from modules.renderer.renderer import NEAREST

log = logging.getLogger(__name__)
WARM_UPS = 3


class Inputs(NamedTuple):
    """What B frames are made of.

    code: (B, D). weights: (B, K). landmarks: (B, 68, 3) un-normalised. cameras: (B, 4, 4). backdrops: (B, H, W, 3)
    uint8. frame_ids: (B,), or None where the torso follows the pose.
    """

    code: Tensor
    weights: Tensor
    landmarks: Tensor
    cameras: Tensor
    backdrops: Tensor
    frame_ids: Tensor | None = None


class BatchRenderer:
    """Render `count` frames at a time.

    Args:
        frames: Knows the person, the size and the arithmetic; a head of planes, not the vanilla one.
        count: Frames in a batch.
        capacity: Share of all rays for which there is room among those that hit something.
    """

    def __init__(self, frames: FrameRenderer, count: int, *, capacity: float = 0.6) -> None:
        assert isinstance(frames.marcher, HeadMarcher)
        self.frames, self.marcher, self.count = frames, frames.marcher, count
        self.rays = count * frames.rows * frames.columns
        self.capacity = max(1, min(self.rays, math.ceil(capacity * self.rays)))
        device = frames.uv.device
        head = self.marcher.head
        self.dynamic = 3 * head.dynamic_size**2 if head.bases_count else 0
        static = self.marcher.table[: len(head.planes)]
        self.table = torch.cat([static, static.new_zeros(count * self.dynamic, static.shape[1])])
        self.frame_of_ray = torch.arange(count, device=device).repeat_interleave(frames.rows * frames.columns)
        self.missed = torch.zeros((), dtype=torch.int64, device=device)
        self.focal = float(frames.scene.focal)
        self.groups = [torch.tensor(group, device=device) for group in POINT_GROUPS]
        self._replay: Callable[[Inputs], Tensor] | None = None

    @torch.inference_mode()
    def __call__(self, inputs: Inputs) -> Tensor:
        """Return (B, H, W, 3) uint8 RGB; waits for the device to learn whether there was room for every ray."""
        while True:
            self.missed.zero_()
            pictures = self.replay(inputs) if inputs.code.is_cuda else self.draw(inputs)
            missed = int(self.missed)
            if not missed:
                return pictures
            self.capacity = min(self.rays, self.capacity + math.ceil(1.2 * missed))
            self._replay = None

    def draw(self, inputs: Inputs) -> Tensor:
        """Return pictures (B, 3, H, W) in [0, 1] without waiting; `missed` counts rays for which there was no room."""
        frames, up = self.frames, self.frames.renderer.upsample
        whole = self._head(inputs).view(self.count, frames.rows, frames.columns, -1).permute(0, 3, 1, 2)
        extra = self._extra(inputs) if up > 1 else None
        colour, alpha = frames.decoder(whole[:, :-1], whole[:, -1:], extra)
        pictures = self._behind(inputs)
        high, wide = frames.height, frames.width
        return _shaded(colour[..., :high, :wide], alpha[..., :high, :wide], pictures)

    def replay(self, inputs: Inputs) -> Tensor:
        """Return `draw`'s pictures (B, 3, H, W) from one recorded graph on a GPU; the next call writes over them."""
        if self._replay is None:
            try:
                self._replay = self._record(inputs)
            except RuntimeError as error:  # a graph is speed and nothing else
                log.warning("This GPU does not record the rendering as a graph: %s", str(error).split("\n")[0])
                self._replay = self.draw
        return self._replay(inputs)

    def _record(self, inputs: Inputs) -> Callable[[Inputs], Tensor]:
        own = [None if value is None else value.clone() for value in inputs]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self.draw(Inputs(*own))  # type: ignore[arg-type]
        torch.cuda.current_stream().wait_stream(aside)
        self.missed.zero_()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = self.draw(Inputs(*own))  # type: ignore[arg-type]

        def replay(inputs: Inputs) -> Tensor:
            for target, value in zip(own, inputs, strict=True):
                if target is not None and value is not None:
                    target.copy_(value)
            graph.replay()
            return out

        return replay

    def _head(self, inputs: Inputs) -> Tensor:
        """Return (rays, C + 1) features and alpha of the rays of all frames."""
        marcher, head = self.marcher, self.marcher.head
        weights = inputs.weights.to(marcher.dtype)
        if self.dynamic:
            self.table[len(head.planes) :].view(self.count, -1).copy_(weights @ marcher.bases)
        density = (marcher.grid + (weights @ marcher.grid_bases).float()).exp()
        directions = turned(inputs.cameras[:, :3, :3], marcher.directions).transpose(0, 1).flatten(1)
        origin = inputs.cameras[:, :3, 3].T.index_select(1, self.frame_of_ray)
        near, far = box_span(origin.T, directions.T, head.box)
        hit = far > near + 1e-3
        if head.samples:
            entry, leave = marcher.ends(origin, directions, near, far, head.grid_size)
            first = (self.frame_of_ray * head.grid_size**3).to(torch.int32)[:, None]
            bins, total = coarse_density(density.flatten(), entry, leave, head.samples, head.grid_size, first)
            hit &= total * ((far - near) / head.samples) > HIT_DEPTH
        else:
            bins = torch.ones_like(near)[:, None]
        ray, used = self._packed(hit)
        features = self._field(inputs, ray, origin, directions, near, far, bins)
        whole = features.new_zeros(self.rays + 1, features.shape[1])
        whole.index_copy_(0, torch.where(used, ray, self.rays), features)
        return whole[:-1]

    def _packed(self, hit: Tensor) -> tuple[Tensor, Tensor]:
        """Return `capacity` numbers of rays, those that hit first, and which of the places are used."""
        place = hit.cumsum(0)
        count = place[-1]
        self.missed += (count - self.capacity).clamp(min=0)
        target = torch.where(hit & (place <= self.capacity), place - 1, self.capacity)
        numbers = torch.arange(self.rays, device=hit.device)
        ray = torch.zeros(self.capacity + 1, dtype=torch.int64, device=hit.device).index_copy_(0, target, numbers)
        return ray[:-1], numbers[: self.capacity] < count

    def _field(
        self, inputs: Inputs, ray: Tensor, origin: Tensor, directions: Tensor, near: Tensor, far: Tensor, bins: Tensor
    ) -> Tensor:
        marcher, head = self.marcher, self.marcher.head
        origin, directions = origin.index_select(1, ray), directions.index_select(1, ray)
        steps, lengths = marcher.place(bins.index_select(0, ray), near[ray], far[ray])
        start, slope = marcher.cells(origin, directions)
        rows, weights = marcher.taps.taps(start, slope, steps.T.contiguous())
        frame = self.frame_of_ray[ray].repeat(steps.shape[1])
        if self.dynamic:
            rows[:, 12:] += (frame * self.dynamic).to(rows.dtype)[:, None]
        read = F.embedding_bag(rows, self.table, per_sample_weights=weights.to(marcher.dtype), mode="sum")
        first, last, bias = marcher.layers
        hidden = F.linear(read, first) + marcher.biases(inputs.code).index_select(0, frame)
        return compose(F.linear(hidden.relu_(), last, bias), lengths, head.density_scale)

    def _extra(self, inputs: Inputs) -> Tensor:
        """Return what the decoders see besides features: `Renderer.decoder_extra` without waiting for the device."""
        frames, renderer = self.frames, self.frames.renderer
        views = turned(inputs.cameras[:, :3, :3], self.marcher.directions)
        parts = [views.view(self.count, 3, frames.rows, frames.columns)]
        if renderer.landmark_input:
            spread = 0.06 * self.focal / inputs.cameras[:, :3, 3].norm(dim=-1).clamp(min=NEAREST)
            points = frames.scene.points(inputs.landmarks)
            pairs = zip(points.unbind(), inputs.cameras.unbind(), strict=True)
            uv = torch.stack([project(cloud, camera, self.focal, frames.size) for cloud, camera in pairs])
            across, down = (
                torch.exp(-0.5 * ((places - uv[..., axis, None]) / spread[:, None, None]).square())
                for axis, places in ((0, frames.uv[0, :, 0]), (1, frames.uv[:, 0, 1]))
            )
            for group in self.groups:
                blobs = down.index_select(1, group).transpose(1, 2) @ across.index_select(1, group)
                parts.append(blobs[:, None])
        return torch.cat(parts, dim=1)

    def _behind(self, inputs: Inputs) -> Tensor:
        frames = self.frames
        if frames.renderer.torso is None or not frames.places.numel():
            return inputs.backdrops
        places = frames.places.expand(self.count, -1, -1, -1)
        colour, alpha = frames.renderer.bare(places, inputs.cameras, inputs.frame_ids)
        out = inputs.backdrops.clone()
        part = (slice(None), *frames.torso_part)
        out[part] = _shaded(colour, alpha, inputs.backdrops[part])
        return out


def _shaded(colour: Tensor, alpha: Tensor, behind: Tensor) -> Tensor:
    return torch.stack([shade(*frame) for frame in zip(colour, alpha, behind, strict=True)])


def render_in_batches(
    frames: FrameRenderer, jobs: Iterable[tuple[Any, ...]], count: int = 8
) -> Generator[Tensor, None, None]:
    """Yield `frames(*job)`, (3, H, W), for each job, `count` rendered at once; the last are filled up by repetition."""
    renderer = BatchRenderer(frames, count)
    waiting = iter(jobs)
    while group := list(islice(waiting, count)):
        filled = group + group[-1:] * (count - len(group))
        codes, index, landmarks, cameras, backdrops, ids = zip(*filled, strict=True)
        pictures = renderer(
            Inputs(
                torch.stack([code.code[k] for code, k in zip(codes, index, strict=True)]),
                torch.stack([code.weights[k] for code, k in zip(codes, index, strict=True)]),
                torch.stack(landmarks),
                torch.stack(cameras),
                torch.stack(backdrops),
                None if ids[0] is None else torch.cat(ids),
            )
        )
        yield from pictures[: len(group)].clone()
