"""The whole renderer: shapes at every upsampling, what landmarks change, and that rendering is always the same."""

from __future__ import annotations

import itertools

import pytest
import torch

from modules.renderer.decoder import ConvDecoder, open_gate
from modules.renderer.field import BlendPlaneHead
from modules.renderer.inference import FrameRenderer
from modules.renderer.landmark_code import LandmarkCode, WindowAttention, landmark_maps, windows
from modules.renderer.losses import coarse_mask_loss, distortion_loss, interlevel_loss, ssim_map
from modules.renderer.rays import ray_grid
from modules.renderer.renderer import Renderer
from modules.renderer.scene import Scene
from modules.renderer.torso import TorsoLayer
from modules.renderer.vanilla import RadianceMLP, VanillaHead, frequencies


def make(
    upsample: int = 2,
    *,
    bases: int = 4,
    fine: int = 4,
    height: int = 32,
    width: int = 32,
    torso: bool = False,
    vanilla: bool = False,
) -> Renderer:
    torch.manual_seed(0)
    scene = Scene()
    scene.size.copy_(torch.tensor([height, width]))
    scene.focal.copy_(torch.tensor(1.5 * height))
    scene.plate = torch.zeros(height, width, 3, dtype=torch.uint8)
    head: BlendPlaneHead | VanillaHead
    if vanilla:
        head = VanillaHead(scene.box, samples=6, fine_samples=fine)
    else:
        head = BlendPlaneHead(
            scene.box, scene.face_box, bases=bases, plane_size=16, dynamic_size=8, grid_size=8, channels=8, samples=6,
            fine_samples=fine,
        )  # fmt: skip
        torch.nn.init.normal_(head.planes, std=1.0)
        torch.nn.init.normal_(head.bases, std=2.0)
    plane = TorsoLayer(size=16, motion_dim=2, bases=2) if torso else None
    renderer = Renderer(scene, head, upsample=upsample, torso=plane)
    if upsample > 1:
        torch.nn.init.normal_(renderer.decoder.leave.weight, std=0.1)
    return renderer


def look(renderer: Renderer, frames: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return landmark windows, cameras and a whole map of rays."""
    height, width = (int(side) for side in renderer.scene.size)
    up = renderer.upsample
    uv = ray_grid(-(-height // up), -(-width // up), float(up))
    pose = torch.eye(4)
    pose[2, 3] = 8.0
    return torch.randn(frames, 5, 68, 3), pose.expand(frames, 4, 4), uv.expand(frames, *uv.shape)


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_a_patch_has_so_many_pixels_per_ray_and_gradients(upsample):
    renderer = make(upsample)
    patch = renderer(*look(renderer, 2), noise=0.01, jitter=True)
    assert patch.colour.shape == (2, 3, 32, 32)
    assert patch.alpha.shape == (2, 1, 32, 32)
    (patch.colour.mean() + patch.alpha.mean() + interlevel_loss(patch.march)).backward()
    for name in ("planes", "bases", "grid", "grid_bases"):
        assert renderer.head.get_parameter(name).grad.abs().sum() > 0, name
    assert renderer.head.code.blend.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("height", "width"), [(33, 47), (30, 64), (17, 9)])
@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_any_size_renders(height, width, upsample):
    renderer = make(upsample, height=height, width=width, torso=True).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.full((height, width, 3), 7, dtype=torch.uint8)
    picture = frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == torch.uint8


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_rendering_equals_the_patch_and_itself(upsample):
    renderer = make(upsample).eval()
    landmarks, cameras, uv = look(renderer)
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    code = frames.encode(landmarks)
    first = frames(code, 0, landmarks[0, 2], cameras[0], backdrop)
    assert torch.equal(
        first, FrameRenderer(renderer, dtype=torch.float32)(code, 0, landmarks[0, 2], cameras[0], backdrop)
    )
    with torch.no_grad():
        patch = renderer(landmarks, cameras, uv)
    whole = patch.colour[0] + (1 - patch.alpha[0]) * backdrop.permute(2, 0, 1) / 255
    wanted = (whole * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    assert (first.int() - wanted.int()).abs().max() <= 2


def test_bfloat16_differs_little():
    renderer = make(2).eval()
    torch.nn.init.normal_(renderer.head.planes, std=0.3)
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.zeros(32, 32, 3, dtype=torch.uint8)
    pictures = []
    for dtype in (torch.float32, torch.bfloat16):
        frames = FrameRenderer(renderer, dtype=dtype)
        pictures.append(frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop).float())
    assert (pictures[0] - pictures[1]).abs().mean() < 3


@pytest.mark.parametrize("vanilla", [False, True])
@pytest.mark.parametrize("samples", [(0, 1), (0, 7), (1, 0), (7, 0), (1, 1), (3, 256), (256, 3)])
def test_any_number_of_samples_renders(samples, vanilla):
    renderer = make(1 if vanilla else 2, height=17, width=9, vanilla=vanilla).eval()
    renderer.head.samples, renderer.head.fine_samples = (min(n, 24) if vanilla else n for n in samples)
    if vanilla:  # else half of the untrained ones are empty
        torch.nn.init.constant_(renderer.head.model_coarse.density_out_linear.bias, 5.0)
        torch.nn.init.constant_(renderer.head.model_fine.density_out_linear.bias, 5.0)
    landmarks, cameras, uv = look(renderer)
    backdrop = torch.zeros(17, 9, 3, dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    picture = frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop)
    assert picture.shape == (17, 9, 3)
    assert picture.any()
    assert torch.isfinite(renderer(landmarks, cameras, uv, jitter=True).colour).all()


def test_more_samples_come_nearer_to_the_finest_picture():
    """A thin shell: too few steps miss it, and finer ones must never see less of it."""
    renderer = make(1, bases=0).eval()
    head = renderer.head
    with torch.no_grad():
        head.planes.normal_(std=0.3)
        head.last.bias[0] = 5.5
        side = torch.linspace(-1, 1, 8)
        z, y, x = torch.meshgrid(side, side, side, indexing="ij")
        head.grid.copy_(torch.where(x**2 + y**2 + z**2 < 0.6, 1.5, -12.0).flatten())
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.zeros(32, 32, 3, dtype=torch.uint8)

    def picture(*samples: int) -> torch.Tensor:
        head.samples, head.fine_samples = samples
        frames = FrameRenderer(renderer, dtype=torch.float32)
        return frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop).float()

    finest = picture(256, 256)
    coarse, fine = [(n, 8) for n in (2, 8, 32, 128, 256)], [(32, n) for n in (1, 4, 16, 64)]
    for rows in (coarse, fine, [(n, 0) for n in (2, 16, 128)]):
        errors = [float((picture(*row) - finest).abs().mean()) for row in rows]
        assert all(b <= a + 0.5 for a, b in itertools.pairwise(errors)), (rows, errors)
        assert errors[-1] < errors[0]


def test_scale_makes_more_pixels():
    renderer = make(2).eval()
    landmarks, cameras, _ = look(renderer)
    frames = FrameRenderer(renderer, scale=1.5, dtype=torch.float32)
    backdrop = torch.zeros(48, 48, 3, dtype=torch.uint8)
    assert frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop).shape == (48, 48, 3)


def test_without_bases_landmarks_do_not_reach_the_field():
    renderer = make(1, bases=0).eval()
    landmarks, cameras, uv = look(renderer)
    with torch.no_grad():
        one, other = renderer(landmarks, cameras, uv), renderer(-landmarks, cameras, uv)
    assert torch.equal(one.colour, other.colour)


def test_with_bases_landmarks_change_the_picture():
    renderer = make(1).eval()
    landmarks, cameras, uv = look(renderer)
    with torch.no_grad():
        one, other = renderer(landmarks, cameras, uv), renderer(-3 * landmarks, cameras, uv)
    assert (one.colour - other.colour).abs().max() > 1e-3


@pytest.mark.parametrize("vanilla", [False, True])
def test_no_fine_samples_is_allowed(vanilla):
    renderer = make(1, fine=0, vanilla=vanilla)
    patch = renderer(*look(renderer), jitter=True)
    patch.colour.mean().backward()
    assert torch.isfinite(patch.colour).all()


def test_an_empty_grid_shows_the_backdrop():
    renderer = make(2).eval()
    renderer.head.grid.data.fill_(-20.0)
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    assert torch.equal(frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop), backdrop)
    renderer.train()
    patch = renderer(*look(renderer), jitter=True)
    (patch.colour.sum() + distortion_loss(patch.march).nan_to_num()).backward()


def test_a_camera_that_looks_away_shows_the_backdrop():
    renderer = make(2).eval()
    landmarks, cameras, _ = look(renderer)
    away = cameras[0].clone()
    away[0, 3] = 100.0
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    assert torch.equal(frames(frames.encode(landmarks), 0, landmarks[0, 2], away, backdrop), backdrop)


def painted_torso() -> TorsoLayer:
    torso = TorsoLayer(size=64, motion_dim=2, bases=2)
    row = torch.linspace(0.2, 0.8, 32)
    torso.begin_with(torch.stack([row.expand(32, 32), row[:, None].expand(32, 32), torch.full((32, 32), 0.5)]),
                     (torch.arange(32) > 15).float()[None, :, None].expand(1, 32, 32))  # fmt: skip
    return torso


def test_a_torso_starts_from_a_picture():
    torso = painted_torso()
    places = 2 * ray_grid(32, 32, 1.0)[None] / 32 - 1
    colour, alpha = torso(places, torch.zeros(1, 14))
    assert torch.allclose((colour / alpha)[0, 0, 20], torch.linspace(0.2, 0.8, 32), atol=0.02)
    assert torch.allclose((colour / alpha)[0, 1, :, 5], torch.linspace(0.2, 0.8, 32), atol=0.02)


def test_a_torso_is_driven_by_the_footage_or_else_by_the_pose():
    torso = painted_torso()
    torso.motion = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    torso.motion_from_pose[12] = torch.tensor([7.0, 8.0])
    pose = torch.randn(2, 12)
    assert torch.equal(torso.code(pose, torch.tensor([1, 0]))[:, 12:], torso.motion.flip(0))
    assert torch.equal(torso.code(pose, None)[:, 12:], torch.tensor([[7.0, 8.0]] * 2))


def test_the_torso_reaches_no_further_than_its_box():
    torso = painted_torso()
    torch.nn.init.normal_(torso.bend.weight, std=10.0)
    left, top, right, bottom = torso.box()
    assert (left, right, bottom) == (-1, 1, 1)
    assert -0.4 < top < -0.1
    places = 2 * ray_grid(32, 32, 1.0)[None] / 32 - 1
    _, alpha = torso(places, torch.randn(1, 14))
    assert alpha[0, 0][places[0, :, 0, 1] < top].max() < 0.04


@pytest.mark.parametrize(("height", "width"), [(32, 32), (30, 46)])
@pytest.mark.parametrize("upsample", [1, 2])
def test_a_rendered_torso_equals_the_one_of_training(upsample, height, width):
    renderer = make(upsample, torso=True, height=height, width=width).eval()
    renderer.torso = painted_torso()
    torch.nn.init.normal_(renderer.torso.bend.weight, std=0.3)
    renderer.torso.motion = torch.randn(3, 2)
    landmarks, cameras, uv = look(renderer)
    backdrop = torch.randint(0, 255, (height, width, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    shown = torch.tensor([2])
    picture = frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop, shown)
    with torch.no_grad():
        head = renderer(landmarks, cameras, uv)
        colour, alpha = renderer.bare(renderer.pixels(uv), cameras, shown)
    behind = colour[0] + (1 - alpha[0]) * backdrop.permute(2, 0, 1) / 255
    whole = head.colour[0] + (1 - head.alpha[0]) * behind
    assert (picture / 255 - whole.clamp(0, 1).permute(1, 2, 0)).abs().max() < 2.1 / 255


def test_the_gate_closes_far_from_what_was_hit():
    alpha = torch.zeros(1, 1, 9, 9)
    alpha[0, 0, 4, 4] = 1
    gate = open_gate(alpha, 2)
    assert gate[0, 0, 8:10, 8:10].min() == 1
    assert gate[0, 0, 0].max() == 0


def test_a_fresh_decoder_enlarges_the_colour_of_the_rays():
    decoder = ConvDecoder(16, 0, 2)
    features, alpha = torch.zeros(1, 16, 8, 8), torch.ones(1, 1, 8, 8)
    features[:, :3] = 0.25
    colour, solid = decoder(features, alpha)
    assert torch.allclose(colour, torch.full((1, 3, 16, 16), 0.25))
    assert solid.min() > 0.9


def test_vanilla_is_the_original_size():
    head = VanillaHead(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
    assert sum(p.numel() for p in head.parameters()) == 1_244_931
    assert sum(p.numel() for p in RadianceMLP(64).parameters()) == 595_844
    assert [layer.in_features for layer in head.model_fine.density_linears] == [127, 256, 256, 256, 256, 383, 256, 256]


def test_vanilla_renders_the_same_twice():
    renderer = make(1, vanilla=True, height=12, width=12).eval()
    landmarks, cameras, uv = look(renderer)
    with torch.no_grad():
        assert torch.equal(renderer(landmarks, cameras, uv).colour, renderer(landmarks, cameras, uv).colour)


def test_frequencies_are_ordered_by_band():
    got = frequencies(torch.tensor([[0.5, 1.0, 2.0]]), 2)
    assert got.shape == (1, 15)
    assert torch.allclose(got[0, 3:6], torch.sin(torch.tensor([0.5, 1.0, 2.0])))
    assert torch.allclose(got[0, 12:], torch.cos(torch.tensor([1.0, 2.0, 4.0])))


def test_windows_repeat_the_ends():
    got = windows(torch.arange(3.0)[:, None], 5)[..., 0]
    assert got.tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 2], [0, 1, 2, 2, 2]]


def test_attention_over_equal_frames_gives_the_frame():
    code = torch.randn(2, 1, 64)
    assert torch.allclose(WindowAttention(64, 5)(code.expand(2, 5, 64)), code[:, 0], atol=1e-5)


def test_codes_and_weights_have_their_widths():
    code = LandmarkCode(5, 64, 16)(torch.randn(3, 5, 68, 3))
    assert code.code.shape == (3, 64)
    assert code.weights.shape == (3, 16)
    assert code.weights.abs().max() <= 1


def test_a_landmark_is_drawn_where_it_is_seen():
    points = torch.zeros(68, 3)
    points[:, 0] = 100.0  # far outside
    points[61:64] = torch.tensor([0.5, 0.25, 0.0])
    pose = torch.eye(4)
    pose[2, 3] = 5.0
    places = torch.arange(64) + 0.5
    maps = landmark_maps(points, pose, places, places, 40.0, (64.0, 64.0), 1.0)
    row, column = divmod(int(maps[9].argmax()), 64)
    assert (row, column) == (29, 35)  # v = 32 - 40 * 0.25 / 5, u = 32 + 40 * 0.5 / 5, minus half a pixel, halves up
    assert maps[6].max() == 0


def test_ssim_of_equal_pictures_is_one():
    picture = torch.rand(1, 3, 20, 20)
    assert torch.allclose(ssim_map(picture, picture), torch.ones(1, 3, 20, 20), atol=1e-4)
    assert ssim_map(picture, torch.rand(1, 3, 20, 20)).mean() < 0.6


def test_the_coarse_grid_pays_outside_the_mask_and_when_empty_inside():
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    right = coarse_mask_loss(0.5 * mask, mask)
    assert float(right) == 0
    assert coarse_mask_loss(torch.full_like(mask, 0.5), mask) > 0
    assert coarse_mask_loss(torch.zeros_like(mask), mask) > 0


def test_a_scene_takes_the_plate_of_any_size():
    scene, other = Scene(), Scene()
    scene.plate = torch.full((5, 9, 3), 3, dtype=torch.uint8)
    other.load_state_dict(scene.state_dict())
    assert torch.equal(other.plate, scene.plate)
