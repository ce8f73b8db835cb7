"""Figures of speech to face on hand-worked cases; batches are functions of their generator; frozen weights' errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen.face_voice.faces import mean_shape
from modules.faces.face_warp import to_pixels
from tasks.core.stopping import EarlyStopper
from tasks.speech_to_face.data import FaceBatch, FaceSource, VoiceSource, disturb, mirrored, recolour
from tasks.speech_to_face.face_encoder import load_face_encoder, shape_of
from tasks.speech_to_face.features import FaceFeatures
from tasks.speech_to_face.intervals import (
    bootstrap,
    bootstrap_auc,
    bootstrap_correlation,
    bootstrap_shape,
    verification,
)
from tasks.speech_to_face.retrieval import retrieve
from tasks.speech_to_face.shapes import RATIOS, cosine_with_others, per_person, ratios
from tests.made_persons import made_face, make_persons
from utils.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def persons(tmp_path_factory):
    return make_persons(tmp_path_factory.mktemp("persons") / "set", 6, clips=2, faces=2)


def test_verification_by_hand():
    """Two persons, two pictures each: one same pair at cosine 1, one at 0.6; other pairs at 0.6, 0, 0.8, 0."""
    feature = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0.6, 0.8, 0], [0.0, 0.0, 1.0]])
    person = torch.tensor([0, 0, 1, 1])
    found = verification(feature, person)
    assert found["cosine_same"] == pytest.approx(0.5)
    assert found["cosine_other"] == pytest.approx(0.3)
    perfect = verification(torch.eye(3).repeat_interleave(2, 0), torch.arange(3).repeat_interleave(2))
    assert perfect["auc"] == 1
    assert perfect["balanced_accuracy"] == 1
    assert torch.isnan(verification(feature, torch.arange(4))["auc"])


def test_retrieval_by_hand():
    faces = torch.eye(4)
    heard = torch.tensor([[1.0, 0, 0, 0], [0.9, 1.0, 0, 0], [1.0, 0.5, 0.2, 0]])
    entry = torch.tensor([10, 11, 12])
    found = retrieve(heard, entry, faces, torch.tensor([10, 11, 12, 13]))
    assert found.rank.tolist() == [0, 0, 2]
    figures = found.figures()
    assert figures["recall_1"] == pytest.approx(2 / 3)
    assert figures["recall_2"] == pytest.approx(2 / 3)
    assert figures["recall_5"] == 1
    assert figures["chance_1"] == 0.25
    alike = retrieve(torch.zeros(1, 4), torch.tensor([10]), faces, torch.tensor([10, 11, 12, 13]))
    assert alike.rank.tolist() == [3], "a tie is not a hit"


def test_intervals_hold_the_mean_and_draw_persons():
    values = np.random.default_rng(0).normal(1.0, 1.0, 200)
    found = bootstrap(values, np.arange(200))
    assert found["low"] < found["mean"] < found["high"]
    assert found["high"] - found["low"] == pytest.approx(4 / 200**0.5, rel=0.2)
    repeated = bootstrap(np.repeat(values, 10), np.repeat(np.arange(200), 10))
    assert repeated["high"] - repeated["low"] == pytest.approx(found["high"] - found["low"], rel=1e-6)
    x = np.linspace(0, 1, 50)
    assert bootstrap_correlation(x, 3 * x - 1)["low"] == pytest.approx(1)
    np.testing.assert_allclose(per_person(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 2])), [5, 2])


def test_intervals_of_verification_and_of_shapes():
    rng = np.random.default_rng(0)
    person = torch.arange(30).repeat_interleave(4)
    centres = torch.from_numpy(rng.normal(size=(30, 8)))
    noisy = centres[person] + torch.from_numpy(rng.normal(size=(120, 8)))
    found = bootstrap_auc(noisy, person)
    assert 0.6 < found["low"] < found["mean"] < found["high"] < 1
    assert found["mean"] == pytest.approx(float(verification(noisy, person)["auc"]))
    exact = bootstrap_auc(centres[person], person)
    assert exact["low"] == exact["mean"] == exact["high"] == 1, "a person drawn twice is not another person"
    true = rng.normal(size=(40, 68, 2))
    assert bootstrap_shape(2 * true + 3, true)["low"] == pytest.approx(1)
    half = bootstrap_shape(true + rng.normal(size=true.shape), true)
    assert half["low"] < half["mean"] < half["high"]
    assert half["mean"] == pytest.approx(0.5**0.5, abs=0.05)


def test_the_cosine_with_another_person_is_never_with_the_same():
    cosine = np.array([[1.0, 0.9, 0.1], [0.8, 1.0, 0.3], [0.2, 0.4, 1.0]])
    np.testing.assert_allclose(cosine_with_others(cosine, np.array([5, 5, 2])), [0.1, 0.3, 0.3])
    assert len(cosine_with_others(cosine, np.zeros(3))) == 0


def test_ratios_do_not_depend_on_size_and_place():
    points = np.random.default_rng(0).random((3, 68, 2))
    for name, values in ratios(points).items():
        np.testing.assert_allclose(values, ratios(5 * points + 2)[name], err_msg=name)
    assert len(RATIOS) == 10


def test_early_stopping_counts_and_remembers():
    stopper = EarlyStopper(1)
    assert [stopper.see(x) for x in (3.0, 2.0, 2.5)] == [False, False, False]
    again = EarlyStopper(1)
    again.load(stopper.state())
    assert again.see(2.0)
    assert again.state()["stopped"]
    again.restart()
    assert not again.see(9.0)
    assert not any(EarlyStopper(0).see(1.0) for _ in range(10))


def test_batches_follow_from_the_generator(persons):
    source = FaceSource(persons, "train", 3, 64, augment=True)
    first, second = (source.batch(np.random.default_rng(5)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    assert first.images.shape == (3, 3, 64, 64)
    features = FaceFeatures({e: np.full((2, 4), e, np.float32) for e in range(6)})
    voices = VoiceSource(persons, "train", "mean", 2, 16000, torch.from_numpy, features)
    first, second = (voices.batch(np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first.sound, second.sound)
    assert first.feature[:, 0].tolist() == first.entry.tolist()
    whole = voices.whole(100)
    assert sum(len(batch.sound) for batch in whole) == len(voices.pairs)
    assert torch.equal(torch.cat([b.sound for b in whole]), torch.cat([b.sound for b in voices.whole(100)]))


def test_disturbed_pictures_keep_their_landmarks():
    """A white disc at a landmark is still there after mirroring, shifting and scaling."""
    import cv2

    for seed in range(6):
        picture, points = made_face(0.5)
        picture[:] = 0
        cv2.circle(picture, tuple(np.round(points[36] - 0.5).astype(int).tolist()), 6, (255, 255, 255), -1)
        images = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        landmarks = torch.from_numpy(points)[None] / 112 - 1
        batch = disturb(
            FaceBatch(images, landmarks, torch.zeros(1), torch.zeros(1, 0), torch.zeros(1)), np.random.default_rng(seed)
        )
        light = batch.images[0].mean(0)
        y, x = torch.nonzero(light > 0.5 * light.max()).float().mean(0) + 0.5
        found = to_pixels(batch.landmarks, 224)[0]
        nearest = (found - torch.stack([x, y])).norm(dim=1)
        assert min(nearest[36], nearest[45]) < 1.5
    twice = mirrored(mirrored(landmarks))
    torch.testing.assert_close(twice, landmarks)


def test_a_shape_does_not_depend_on_place_size_and_mouth(persons):
    landmarks = torch.from_numpy(persons.landmarks_px(0))
    shape = shape_of(landmarks)
    torch.testing.assert_close(shape_of(0.01 * landmarks - 3), shape, atol=1e-5, rtol=0)
    opened = landmarks.clone()
    opened[:, 48:, 1] += 9
    assert torch.equal(shape_of(opened), shape)
    assert shape_of(torch.from_numpy(mean_shape())[None]).abs().max() < 1e-6
    wide = landmarks * torch.tensor([1.1, 1.0])
    assert (shape_of(wide) - shape).abs().max() > 0.02


def test_recoloured_pictures_keep_their_shapes(persons):
    """Strength 0 changes nothing; 1 changes colours and light but not where the edges are."""
    images = FaceSource(persons, "train", 4, 64).batch(np.random.default_rng(0)).images
    torch.testing.assert_close(recolour(images, 0.0, np.random.default_rng(1)), images, atol=2e-3, rtol=0)
    first, second = (recolour(images, 1.0, np.random.default_rng(seed)) for seed in (1, 2))
    assert torch.equal(first, recolour(images, 1.0, np.random.default_rng(1)))
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first - second).abs().mean() > 0.1

    def edges(pictures):
        grey = pictures.mean(1)
        return (grey[:, 1:, 1:] - grey[:, :-1, :-1]).abs().flatten(1)

    assert torch.corrcoef(torch.cat([edges(images[:1]), edges(first[:1])]))[0, 1] > 0.5
    jittered = FaceSource(persons, "train", 4, 64, colour_jitter=1.0).batch(np.random.default_rng(0))
    assert not torch.equal(jittered.images, images)


def test_a_wrong_face_encoder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"No face encoder at .*Or give the file of the published VGG-Face"):
        load_face_encoder(str(tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"No weights at .*none\.pt"):
        load_face_encoder(str(tmp_path / "none.pt"))


def test_a_file_that_is_no_vgg_face_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.speech_to_face.face_encoder.PUBLISHED_CLASSES", 3)
    monkeypatch.setattr("tasks.speech_to_face.face_encoder.FaceEncoder", _tiny)
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"a\.pt does not hold VGG-Face: 'conv1\.weight' is not a tensor of VGG-Face"):
        load_face_encoder(str(tmp_path / "a.pt"))
    (tmp_path / "b.pt").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"b\.pt is a text file, not a torch"):
        load_face_encoder(str(tmp_path / "b.pt"))
    torch.save([1, 2], tmp_path / "c.pt")
    with pytest.raises(DataError, match="holds no tensors"):
        load_face_encoder(str(tmp_path / "c.pt"))


def test_published_weights_become_a_face_encoder(tmp_path, monkeypatch):
    from tests.modules.faces.test_vgg_face import published_state

    monkeypatch.setattr("tasks.speech_to_face.face_encoder.FaceEncoder", _tiny)
    model = _tiny("vgg_face", 3).eval()
    torch.save({"model_state_dict": published_state(model.backbone)}, tmp_path / "vgg.pt")
    task = load_face_encoder(str(tmp_path / "vgg.pt"))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(task.features(images), model(images))
    assert task.source["sha256"]


def _tiny(kind, classes, **_):
    from modules.speech_to_face.face_encoder import FaceEncoder

    return FaceEncoder(kind, 5, feature_dim=6, size=64, width=0.05)


def test_published_weights_are_not_trained():
    from tasks.speech_to_face.face_encoder import FaceEncoderConfig, FaceEncoderTask

    with torch.device("meta"):
        task = FaceEncoderTask(FaceEncoderConfig(task_cls="face_encoder", network="vgg_face"))
    with pytest.raises(ConfigError, match="for published weights"):
        task.prepare()
