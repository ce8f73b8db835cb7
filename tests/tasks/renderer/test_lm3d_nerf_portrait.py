"""A portrait learns over a frozen head, renders from its checkpoint, and changes frames nowhere but where it may."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.core.loading import load_task
from tasks.core.trainer import train
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tasks.renderer.lm3d_nerf_portrait import Lm3dNerfPortraitTask
from tests.tasks.renderer.small import pictures, settings
from utils.faces.landmarks import from_offsets, mouth_opening, to_offsets


def portrait_settings(video, head, **others) -> dict:
    return settings(video, head_model_dir=str(head), task_cls="lm3d_nerf_portrait", portrait_width=4, **others)


@pytest.fixture(scope="module")
def runs(video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    train(Lm3dNerfTask(settings(video, max_updates=2)), folder / "head")
    train(Lm3dNerfPortraitTask(portrait_settings(video, folder / "head", max_updates=4)), folder / "portrait")
    return folder


def test_the_head_is_as_it_was_and_the_layer_learnt(runs):
    portrait, head = load_task(runs / "portrait"), load_task(runs / "head", "best")
    for name, value in head.model.head.state_dict().items():
        assert torch.equal(portrait.model.head.state_dict()[name], value), f"the frozen head moved: {name}"
    assert portrait.model.portrait.leave.weight.abs().sum() > 0
    saved = torch.load(runs / "portrait" / "last.ckpt", weights_only=True)["vizeme"]["frozen"]["head"]
    assert set(saved) == {"path", "updates", "sha256"}


def test_a_frame_is_changed_only_as_far_as_the_portrait_reaches(runs):
    task = load_task(runs / "portrait")
    shown = pictures(task, portrait=True)
    for frame, picture in enumerate(shown):
        place = task.painter(portrait=True).composer.place(frame, task.footage.landmarks_px[frame])
        changed = (picture != task.footage.picture("frames", frame)).any(axis=-1)
        inside = np.zeros_like(changed)
        inside[place.face.part] = place.face.mask > 0
        assert changed.any()
        assert not (changed & ~inside).any()
    assert np.array_equal(shown, pictures(task, portrait=True))


def test_without_frames_to_lay_it_into_it_draws_the_head(runs):
    assert np.array_equal(pictures(load_task(runs / "portrait")), pictures(load_task(runs / "head", "best")))


def off(task, frame):
    """Return how far what is rendered of a frame differs from what is learnt, on average, of 255."""
    batch = task.train_source().face(frame, frame)
    laid = task.laid_in(batch)[0]
    (left, top), (high, wide) = batch.corner[0].tolist(), batch.mask.shape[1:]
    around = np.arange(frame - 2, frame + 3)
    faces = task.lower_faces(task.footage.landmarks[around], task.footage.cameras[around], around)
    face = list(faces)[2]
    whole = task.footage.picture("frames", frame).astype(np.float32)
    part = face.place.face.part
    whole[part] += face.mask[..., None] / 255 * (face.colour - whole[part])
    return np.abs(whole[top : top + high, left : left + wide] - laid).mean()


def test_training_and_rendering_see_the_same(runs):
    assert off(load_task(runs / "portrait").eval(), 7) < 1


def test_teeth_are_the_same_in_training_and_rendering_and_none_where_lips_are_shut(video, runs):
    train(Lm3dNerfPortraitTask(portrait_settings(video, runs / "head", max_updates=4, mouth_size=8)), runs / "teeth")
    task = load_task(runs / "teeth").eval()
    mouth = task.model.mouth
    opening = mouth_opening(task.footage.landmarks)
    wide = 3 + int(opening[3:-3].argmax())
    ids = np.array([wide])
    shown = {}
    for name, size in (("none", 0.0), ("teeth", 0.4)):
        with torch.no_grad():
            mouth.leave.weight.fill_(size)
        assert off(task, wide) < 1
        shown[name] = next(task.render(task.footage.landmarks[ids], task.footage.cameras[ids], ids, portrait=True))
    changed = np.abs(shown["teeth"].astype(int) - shown["none"]).max(axis=2)
    assert changed.max() > 5
    points = from_offsets(task.footage.landmarks[ids])
    points[:, [61, 62, 63]] = points[:, [67, 66, 65]]
    shut = to_offsets(points)
    drawn = next(task.render(shut, task.footage.cameras[ids], ids, portrait=True))
    with torch.no_grad():
        mouth.leave.weight.zero_()
    assert np.array_equal(drawn, next(task.render(shut, task.footage.cameras[ids], ids, portrait=True)))


def test_it_is_judged_and_drawn_on_held_out_faces(runs):
    task = load_task(runs / "portrait").eval()
    figures = task.metrics(task.val_source()[0])
    assert {"face_psnr", "face_ssim", "face_score", "mouth_psnr"} <= set(figures)
    assert list((runs / "portrait").rglob("events.*"))


class Difference(torch.nn.Module):
    """Stand in for LPIPS: the mean difference of two pictures."""

    def forward(self, picture, truth):
        return (picture - truth).abs().mean(dim=(1, 2, 3))


def test_the_mouth_has_a_loss_of_its_own_that_looks_nowhere_else(runs, video):
    weights = {"mouth_perceptual": 1.0, "perceptual": 0.0}
    task = Lm3dNerfPortraitTask(portrait_settings(video, runs / "head", weights=weights, perceptual_from=0.0))
    task.prepare()
    task.keep_outside("_perceptual", Difference())
    task._perceptual_sought = True
    batch = task.train_source().face(7, 7)
    x0, y0, x1, y1 = batch.mouth[0].tolist()
    elsewhere, inside = 255 - batch.target, batch.target.clone()
    elsewhere[:, y0:y1, x0:x1] = batch.target[:, y0:y1, x0:x1]
    inside[:, y0:y1, x0:x1] = 255 - inside[:, y0:y1, x0:x1]
    task.eval()
    own, same, other = (task.losses(batch._replace(target=one)) for one in (batch.target, elsewhere, inside))
    assert "perceptual" not in own
    assert own["mouth_perceptual"] == same["mouth_perceptual"] != other["mouth_perceptual"]


def test_without_its_weight_the_mouth_has_no_such_loss(runs):
    task = load_task(runs / "portrait").eval()
    task.keep_outside("_perceptual", Difference())
    task._perceptual_sought = True
    assert "mouth_perceptual" not in task.losses(task.train_source().face(7, 7))


def test_fineness_teaches_what_is_between_the_lips_and_nothing_else_and_not_without_lpips(video, runs):
    weights = {"mouth_fineness": 1.0, "mouth_perceptual": 1.0, "perceptual": 0.0}
    settings = portrait_settings(video, runs / "head", weights=weights, mouth_size=16, seed=0)
    task = Lm3dNerfPortraitTask(settings)
    task.prepare()
    task._perceptual_sought = True
    batch = next(face for face in (task.train_source().face(frame, 7) for frame in range(20)) if _open(task, face))
    assert "mouth_fineness" not in task.losses(batch)
    task.keep_outside("_perceptual", Difference())
    task.losses(batch)["mouth_fineness"].backward()
    learns = {name for name, one in task.named_parameters() if one.grad is not None and bool(one.grad.any())}
    assert learns
    assert all(".mouth." in name for name in learns)


def _open(task, face):
    bare = face.target.permute(0, 3, 1, 2).float() / 255
    for parameter in task.model.mouth.leave.parameters():
        torch.nn.init.ones_(parameter)
    return not torch.equal(task.with_mouths(bare, face), bare)
