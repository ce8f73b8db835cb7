"""Speech-to-face's files, through the importer, give the figures of the published networks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from modules.faces.face_warp import to_pixels
from modules.faces.vgg_face import VggFace
from modules.speech_to_face.face_decoder import FaceDecoder, from_72
from modules.speech_to_face.ve_ast import VoiceTransformer
from modules.speech_to_face.ve_conv import VoiceEncoder
from tasks.exchange.registry import recognised
from tasks.exchange.sources.speech2face import modern
from tasks.speech_to_face.config import VeAstConfig
from tests.modules.faces.test_vgg_face import vgg_shapes
from tests.modules.golden import assert_golden, probe, ruled
from tests.tasks.exchange.foreign import converted, loaded, shapes
from utils.config.schema import parse
from utils.errors import DataError

GOLDEN = json.loads((Path(__file__).parents[3] / "modules/golden_speech2face.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Lend a folder, and empty it at once: these files are large."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@torch.no_grad()
def test_the_convolutional_voice_encoder_from_a_training_checkpoint(folder):
    torch.save({
        "epoch": 3, "loss": 1.5, "model_state_dict": ruled(shapes(VoiceEncoder)),
        "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(2)}}},
        "history": [{"epoch": 3, "val_sum_loss": 1.0}], "fine_tune_epoch_start": -1,
    }, folder / "best_model.pt")  # fmt: skip
    name, run = converted(folder / "best_model.pt")
    assert name == "speech2face/ve_conv"
    assert run.recipe["spectrogram"] == "magphase"
    assert run.recipe["weights"] == {"direction": 0.025, "distil": 200, "decoder": 1, "contrastive": 0}
    assert (run.recipe["loss_reduction"], run.recipe["pairing"], run.recipe["batch_size"]) == ("batch", "all_to_one", 4)
    assert "optimizer_state_dict.state.0.exp_avg" in run.left_out
    assert run.preprocessing["trained"] == "4 epochs"
    assert_golden(loaded(VoiceEncoder, run)(probe(1, 2, 257, 601)), GOLDEN["ve_conv"]["out"])


@torch.no_grad()
def test_the_face_decoder_from_the_older_layout(folder):
    state = ruled(shapes(lambda: FaceDecoder(points=72)))
    torch.save(state, folder / "decoder.pt", _use_new_zipfile_serialization=False)
    name, run = converted(folder / "decoder.pt")
    assert name == "speech2face/face_decoder"
    assert run.recipe["texture"] == "photo"
    made = loaded(FaceDecoder, run)(probe(2, 4096))
    assert_golden(made.texture, GOLDEN["face_decoder"]["texture"])
    assert_golden(made.trunk, GOLDEN["face_decoder"]["pre"])
    with torch.device("meta"):
        published = FaceDecoder(points=72)
    published.load_state_dict(state, assign=True)
    landmarks = published.eval()(probe(2, 4096)).landmarks
    assert_golden(landmarks, GOLDEN["face_decoder"]["landmarks"])
    # The probe's landmarks lie near 0 in a picture of 224 pixels: float32 knows them to 1e-5 pixels there.
    torch.testing.assert_close(to_pixels(made.landmarks, 224) - 0.5, from_72(landmarks), atol=1e-4, rtol=0)


OLDER = (
    ("layers.", "encoder.layer."), ("attention.q_proj.", "attention.attention.query."),
    ("attention.k_proj.", "attention.attention.key."), ("attention.v_proj.", "attention.attention.value."),
    ("attention.o_proj.", "attention.output.dense."), ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.", "output.dense."),
)  # fmt: skip


@pytest.mark.parametrize("version", [4, 5])
def test_the_transformer_by_the_names_of_transformers_4_and_5(folder, version):
    own = ruled(shapes(VoiceTransformer))
    state = {}
    for name, value in own.items():
        published = modern(name).replace("transformer.", "audio_spectrogram_transformer.", 1)
        published = published.replace("head.0.", "classifier.0.layernorm.").replace("head.1.", "classifier.0.dense.")
        for new, old in OLDER if version == 4 else ():
            published = published.replace(new, old)
        state[published] = value
    assert any("attention.attention.query.weight" in name for name in state) == (version == 4)
    torch.save({"model_state_dict": state, "epoch": 0, "fine_tune_epoch_start": 7}, folder / "ast.pt")
    name, run = converted(folder / "ast.pt")
    assert name == "speech2face/ast"
    assert set(run.state_dict) == {f"model.{key}" for key in own}
    assert all(torch.equal(run.state_dict[f"model.{key}"], value) for key, value in own.items())
    assert run.extra == {"fine_tune_from": 1}
    cfg = parse(VeAstConfig, run.recipe, Path("imported"))
    assert (cfg.weights.direction, cfg.weights.distil, cfg.weights.decoder) == (30, 2, 50)
    assert (cfg.loss_reduction, cfg.pairing, cfg.batch_size) == ("batch", "all_to_one", 2)


@pytest.fixture(scope="module")
def vgg() -> VggFace:
    with torch.device("meta"):
        return VggFace().eval()


@pytest.mark.parametrize(("layout", "golden"), [("linear", "VGGFace16_rcmalli"), ("convolution", "VGGFace_serengil")])
@torch.no_grad()
def test_vgg_face_in_both_layouts(folder, vgg, layout, golden):
    torch.save(ruled(vgg_shapes(layout)), folder / "vgg.pt")
    name, run = converted(folder / "vgg.pt")
    assert name == "speech2face/vgg_face"
    assert run.recipe["network"] == "vgg_face"
    own = {key.removeprefix("model.backbone."): value for key, value in run.state_dict.items()}
    vgg.load_state_dict(own, assign=True)
    feature = vgg(probe(1, 3, 224, 224))
    assert_golden(feature, GOLDEN[golden]["embedding"])
    assert_golden(vgg.last_layer(feature), GOLDEN[golden]["logits"])


@pytest.mark.parametrize("layout", ["linear", "convolution"])
@torch.no_grad()
def test_vgg_face_from_keras_is_that_from_torch(folder, layout, monkeypatch):
    """With last layers of few numbers: the published ones are half a gigabyte."""
    h5py = pytest.importorskip("h5py")
    few = {4096: 64, 2622: 40}
    monkeypatch.setattr("tasks.exchange.sources.speech2face.VggFace", lambda: VggFace(few[2622], feature_dim=few[4096]))
    state = ruled({name: torch.Size(few.get(n, n) for n in shape) for name, shape in vgg_shapes(layout).items()})
    (source,) = recognised(state, "torch")
    run = source.convert(state, {}, folder / "vgg.pt")
    layers = [(f"conv2d_{n}" if weight.dim() == 4 else f"fc{n - 8}", weight, bias) for n, (weight, bias) in enumerate(
        zip(list(state.values())[::2], list(state.values())[1::2], strict=True), 1
    )]  # fmt: skip
    with h5py.File(folder / "vgg.h5", "w") as file:
        file.attrs["layer_names"] = [b"input_1", *(layer.encode() for layer, _, _ in layers)]
        file.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
        for layer, weight, bias in layers:
            if weight.dim() == 4:
                kernel = weight.permute(2, 3, 1, 0)
            elif weight.shape[1] == 25_088:  # Keras reads the last map row by row, channels innermost
                kernel = weight.unflatten(1, (512, 7, 7)).permute(2, 3, 1, 0).flatten(0, 2)
            else:
                kernel = weight.T
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel:0".encode(), f"{layer}/bias:0".encode()]
            group[f"{layer}/kernel:0"], group[f"{layer}/bias:0"] = kernel.numpy(), bias.numpy()
    name, again = converted(folder / "vgg.h5")
    assert name == "speech2face/vgg_face_keras"
    assert all(torch.equal(again.state_dict[key], value) for key, value in run.state_dict.items())


def test_what_is_missing_misshapen_or_left_over_is_all_listed(folder):
    state = {name: torch.zeros(size) for name, size in vgg_shapes("linear").items() if "layer14" not in name}
    state["layer14.1.weight"] = torch.zeros(3, 5)
    state["layer99.weight"], state["layer2.0.weight"] = torch.zeros(1), torch.zeros(64, 63, 3, 3)
    state["layer3.0.bias"][4] = float("nan")
    torch.save(state, folder / "vgg.pt")
    with pytest.raises(DataError) as caught:
        converted(folder / "vgg.pt")
    said = str(caught.value)
    assert "1 missing:\n    model.backbone.fc6.bias 4096" in said
    assert "2 of the wrong size:" in said
    assert "layer2.0.weight is 64x63x3x3, not 64x64x3x3" in said
    assert "layer14.1.weight is 3x5, not 4096x25088" in said
    assert "1 not part of this network:\n    layer99.weight" in said
    assert "1 not finite:\n    layer3.0.bias" in said


def test_a_keras_file_without_its_last_layers_is_refused(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "notop.h5", "w") as file:
        names = [f"conv{n}" for n in range(13)]
        file.attrs["layer_names"] = names
        for name in names:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0", f"{name}/bias:0"]
            group[f"{name}/kernel:0"], group[f"{name}/bias:0"] = np.zeros((3, 3, 3, 64), "f4"), np.zeros(64, "f4")
    with pytest.raises(DataError, match="13 layers with weights; VGG-Face has 16"):
        converted(folder / "notop.h5")
