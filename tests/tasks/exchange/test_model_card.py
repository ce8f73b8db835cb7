"""The card says what a checkpoint is."""

from __future__ import annotations

import json

import pytest
from safetensors import safe_open

from tasks import export_checkpoint
from tasks.exchange.model_card import portable
from utils.files.digests import sha256
from utils.paths import ROOT


def test_the_card_says_what_it_is_and_nothing_of_this_machine(run):
    export_checkpoint.main(["persons/face_decoder", "--consent", "everybody in writing"])
    file = run / "export/face_decoder.safetensors"
    text = file.with_suffix(".md").read_text()
    with safe_open(file, framework="pt") as opened:
        told = json.loads(opened.metadata()["vizeme"])
    assert told["licence"] == "CC0 | all agreed"
    assert "| Licence | CC0 \\| all agreed |" in text
    assert "| Consent | everybody in writing |" in text
    assert "- `val/face_cosine`: 0.625" in text
    assert f"`{'f' * 64}`" in text
    assert "| Weights | averaged |" in text
    assert sha256(file) in text
    for word in ("anna", "secret", str(run.parents[2])):
        assert word not in text
        assert word not in json.dumps(told)
    (run.parents[2] / "data/index.json").write_text(json.dumps({"fingerprint": "0" * 64, "licence": "another set's"}))
    export_checkpoint.main(["persons/face_decoder"])
    assert "| Licence | not stated |" in file.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("whisper@/srv/secret/model", "whisper@model"),
        ("~/videos of anna", "videos of anna"),
        ("~anna/x.ckpt", "x.ckpt"),
        ("../../root/x.ckpt", "x.ckpt"),
        ("a/../../root/x", "x"),
        ("hubert:2@~/m/large v2/", "hubert:2@large v2"),
        ("made of /home/anna/x on a Monday", "made of x on a Monday"),
        ("C:\\Users\\anna\\x.pt", "x.pt"),
        ("file:///home/anna/x", "x"),
        (f"{ROOT}/data/x.npy", "data/x.npy"),
        ("data/binary/videos", "data/binary/videos"),
        ("hubert:2@facebook/hubert-large-ls960-ft", "hubert:2@facebook/hubert-large-ls960-ft"),
        ("https://a.b/c/d", "https://a.b/c/d"),
        ("5e-4/2 and/or 1 / 2", "5e-4/2 and/or 1 / 2"),
    ],
)
def test_of_a_path_of_this_machine_the_last_name_is_left(text, left):
    assert portable({text: [(text,), 1]}) == {left: [[left], 1]}
