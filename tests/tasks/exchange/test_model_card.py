"""The card says what a checkpoint is."""

from __future__ import annotations

import json

from safetensors import safe_open

from tasks import export_checkpoint
from utils.files.digests import sha256


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
