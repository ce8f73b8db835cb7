"""The quick ways to render give the pictures of the plain way: culled, compiled, side by side, in batches."""

from __future__ import annotations

import shutil

import pytest
import torch

from modules.renderer.batch import BatchRenderer, Inputs, render_in_batches
from modules.renderer.inference import FrameRenderer
from modules.renderer.marcher import MIDDLE, PLAIN, compiled_kernels, place_samples
from modules.renderer.planes import TapMatrices, plane_taps, read_places
from modules.renderer.pool import render_side_by_side
from modules.renderer.rays import box_span, ray_directions
from modules.renderer.renderer import Renderer
from modules.renderer.sampling import composite_weights, inverse_cdf
from tests.modules.renderer.test_renderer import look, make


def ball(renderer: Renderer, radius: float = 0.5) -> Renderer:
    """Empty the grid of a renderer but for a ball of this radius, in half boxes."""
    head = renderer.head
    head.grid_size = 16
    head.grid_bases = torch.nn.Parameter(torch.zeros(head.bases_count, 16**3))
    head.grid = torch.nn.Parameter(torch.zeros(16**3))
    side = torch.linspace(-1, 1, head.grid_size)
    z, y, x = torch.meshgrid(side, side, side, indexing="ij")
    head.grid.data.copy_(torch.where(x * x + y * y + z * z < radius**2, 2.0, -9.0).flatten())
    return renderer


def jobs(renderer: Renderer, frames: FrameRenderer, count: int) -> list[tuple]:
    """Return what `count` frames are rendered from: other landmarks, poses and backdrops for each."""
    torch.manual_seed(1)
    landmarks, cameras, _ = look(renderer, count)
    cameras = cameras.clone()
    cameras[:, :3, 3] += 0.3 * torch.randn(count, 3)
    backdrops = torch.randint(0, 255, (count, frames.height, frames.width, 3), dtype=torch.uint8)
    code = frames.encode(landmarks)
    return [(code, k, landmarks[k, 2], cameras[k], backdrops[k], None) for k in range(count)]


def marched(renderer: Renderer, camera: torch.Tensor, frames: FrameRenderer, windows: torch.Tensor) -> torch.Tensor:
    """Return what training sums along all rays, (P, C + 1), if its coarse steps lie where rendering has them."""
    head = renderer.head

    def at_the_same_place(rays: object, count: int, jitter: bool) -> torch.Tensor | None:
        coarse = head.fine_samples and count == head.samples
        return torch.full((len(rays.near), count), MIDDLE) if coarse else None

    head._noise = at_the_same_place
    rays, inside = renderer.scene.rays(frames.uv.view(-1, 2), camera)
    with torch.no_grad():
        march = head.march_frames(head.frames(head.encode(renderer.scene.normalise(windows))), [rays], False)
    whole = torch.zeros(frames.uv[..., 0].numel(), head.feature_dim + 1)
    whole[inside[march.hits]] = torch.cat([march.features, march.alpha[:, None]], dim=1)
    return whole


@pytest.mark.parametrize(("fine", "bases"), [(4, 4), (0, 4), (4, 0)])
def test_a_marched_picture_holds_what_training_sums(fine, bases):
    renderer = ball(make(1, fine=fine, bases=bases, height=33, width=47)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    windows, cameras, _ = look(renderer)
    with torch.inference_mode():
        got = frames.marcher(frames.encode(windows), 0, cameras[0])
    wanted = marched(renderer, cameras[0], frames, windows)
    assert 0.02 < (wanted[:, -1] > 0.1).float().mean() < 0.5
    assert (got - wanted).abs().max() < 1e-3


def test_culling_leaves_out_empty_blocks_only():
    renderer = ball(make(1, height=64, width=64), 0.3).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    windows, cameras, _ = look(renderer)
    with torch.inference_mode():
        seen = frames.marcher._seen(frames.marcher.blend(frames.encode(windows), 0), cameras[0])
    alpha = marched(renderer, cameras[0], frames, windows)[:, -1]
    assert not (alpha[~seen] > 0).any()
    assert seen.float().mean() < 0.4


def test_a_head_smaller_than_a_block_is_not_lost():
    renderer = ball(make(1, height=9, width=9), 0.4).eval()
    renderer.scene.focal.copy_(torch.tensor(9.0))
    frames = FrameRenderer(renderer, dtype=torch.float32)
    windows, cameras, _ = look(renderer)
    with torch.inference_mode():
        got = frames.marcher(frames.encode(windows), 0, cameras[0])
    wanted = marched(renderer, cameras[0], frames, windows)
    assert wanted[:, -1].max() > 0.1
    assert (got - wanted).abs().max() < 1e-3


@pytest.mark.parametrize("sizes", [(16,), (16, 8)])
def test_taps_by_products_are_the_taps_one_by_one(sizes):
    torch.manual_seed(0)
    planes = len(sizes)
    start, slope = 8 * torch.rand(3 * planes, 1), torch.randn(3 * planes, 20)
    steps = 4 * torch.rand(5, 20)
    rows, weights = TapMatrices(sizes).taps(start, slope, steps)
    at = (start[:, None] + steps * slope[:, None]).flatten(1).T
    half = torch.tensor(sizes).repeat_interleave(3) / 2 - 0.5
    wanted_rows, wanted = plane_taps(at / half - 1, sizes)
    assert torch.equal(rows, wanted_rows)
    assert torch.allclose(weights[:, :12], wanted[:, :12], atol=1e-4)
    table = torch.randn(sum(3 * size**2 for size in sizes), 7)
    read = TapMatrices(sizes).read(table, start, slope, steps, sizes)
    assert torch.allclose(read, read_places(table, start, slope, steps, sizes), atol=1e-4)
    assert torch.allclose(read, (weights[..., None] * table[rows.long()]).sum(dim=1), atol=1e-4)


def test_samples_are_placed_as_the_inverse_of_the_sums_says():
    torch.manual_seed(0)
    density, near = 3 * torch.rand(6, 12), torch.rand(6)
    far = near + 2
    weights = composite_weights(density, torch.full((6, 12), 2 / 12))
    steps, lengths = place_samples(density, near, far, 5)
    assert torch.allclose(steps, inverse_cdf(weights, near, far, 5), atol=1e-4)
    assert (lengths > 0).all()


def test_samples_of_a_known_density_lie_where_its_integral_says():
    """Constant density d over a length of 1: the k-th of n samples is where 1 - exp(-d t) is (k + 1/2) / n of all."""
    count, d = 8, 3.0
    steps, _ = place_samples(torch.full((1, 4000), d), torch.zeros(1), torch.ones(1), count)
    share = (torch.arange(count) + 0.5) / count
    wanted = -torch.log1p(-share * (1 - torch.exp(torch.tensor(-d)))) / d
    assert torch.allclose(steps[0], wanted, atol=2e-2)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_side_by_side_gives_the_same_pictures_in_order(workers):
    renderer = ball(make(2)).eval()
    frames = FrameRenderer(renderer)
    work = jobs(renderer, frames, 11)
    threads = torch.get_num_threads()
    got = list(render_side_by_side(frames, work, workers))
    assert torch.get_num_threads() == threads
    assert len(got) == 11
    for job, picture in zip(work, got, strict=True):
        assert torch.equal(picture, frames(*job))


def test_side_by_side_passes_an_error_on_and_may_be_left_early():
    renderer = make(2).eval()
    frames = FrameRenderer(renderer)
    work = jobs(renderer, frames, 3)
    with pytest.raises(IndexError):
        list(render_side_by_side(frames, [*work, (work[0][0], 99, *work[0][2:])], 2))
    pictures = render_side_by_side(frames, iter(work * 100), 2)
    next(pictures)
    pictures.close()


@pytest.mark.parametrize("torso", [False, True])
@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_a_batch_of_fixed_capacity_gives_the_pictures_one_by_one(upsample, torso):
    renderer = ball(make(upsample, torso=torso, height=40, width=28)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    work = jobs(renderer, frames, 5)
    got = list(render_in_batches(frames, work, 3))
    assert len(got) == 5
    for job, picture in zip(work, got, strict=True):
        assert (picture.int() - frames(*job).int()).abs().max() <= 1


def test_a_batch_without_room_for_its_rays_is_rendered_again_with_more():
    renderer = ball(make(1)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    code, _, landmarks, camera, backdrop, _ = jobs(renderer, frames, 1)[0]
    batch = BatchRenderer(frames, 1, capacity=0.01)
    small = batch.capacity
    got = batch(Inputs(code.code, code.weights, landmarks[None], camera[None], backdrop[None]))
    assert batch.capacity > small
    assert torch.equal(got[0], frames(code, 0, landmarks, camera, backdrop))


def test_a_batch_never_waits_for_the_device(monkeypatch):
    """Whatever turns a tensor into a number or a shape would break a recorded graph."""
    renderer = ball(make(2, torso=True)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    code, _, landmarks, camera, backdrop, _ = jobs(renderer, frames, 1)[0]
    batch = BatchRenderer(frames, 1)
    given = Inputs(code.code, code.weights, landmarks[None], camera[None], backdrop[None])
    calls = []
    for name in ("item", "nonzero", "tolist", "__bool__", "__int__", "__float__", "__index__", "cpu", "numpy"):
        true = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda *a, _n=name, _t=true, **k: (calls.append(_n), _t(*a, **k))[1])
    with torch.inference_mode():
        batch.draw(given)
    assert not calls


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_recorded_graph_replays_other_frames():
    renderer = ball(make(2, torso=True)).eval().cuda()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    work = [tuple(x.cuda() if isinstance(x, torch.Tensor) else x for x in job) for job in jobs(renderer, frames, 6)]
    for job, picture in zip(work, render_in_batches(frames, work, 2), strict=True):
        assert (picture.int() - frames(*job).int()).abs().max() <= 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler here")
def test_compiled_kernels_compute_what_the_plain_ones_do():
    torch.manual_seed(0)
    compiled = compiled_kernels()
    directions = ray_directions(32 * torch.rand(40, 2), torch.eye(4), 40.0, (32.0, 32.0))
    near, far = box_span(torch.tensor([0.0, 0, 5]), directions, torch.tensor([[-3.0, -3, -1], [3, 3, 1]]))
    entry, leave = 7 * torch.rand(3, 40), 7 * torch.rand(3, 40)
    grid = torch.rand(512)
    for got, wanted in zip(
        compiled.coarse(grid, entry, leave, 6, 8), PLAIN.coarse(grid, entry, leave, 6, 8), strict=True
    ):
        assert torch.allclose(got, wanted, atol=1e-5)
    density = torch.rand(40, 6)
    for got, wanted in zip(compiled.place(density, near, far, 4), PLAIN.place(density, near, far, 4), strict=True):
        assert torch.allclose(got, wanted, atol=1e-4)
    raw, lengths = torch.randn(160, 17), torch.rand(40, 4)
    assert torch.allclose(compiled.compose(raw, lengths, 50.0), PLAIN.compose(raw, lengths, 50.0), atol=1e-4)
    start, slope, steps = 8 * torch.rand(6, 1), torch.randn(6, 40), torch.rand(4, 40)
    table = torch.randn(3 * 16**2 + 3 * 8**2, 7)
    assert compiled.read is not None
    got = compiled.read(table, start, slope, steps, (16, 8))
    assert torch.allclose(got, TapMatrices((16, 8)).read(table, start, slope, steps, (16, 8)), atol=1e-4)
