"""Every tensor is used or left out by name."""

from __future__ import annotations

import pytest
import torch

from tasks.import_checkpoint import main
from tests.tasks.exchange import geneface_files as files
from utils.errors import DataError


def test_everything_that_does_not_fit_is_listed_and_nothing_is_written(tmp_path):
    content = torch.load(files.save_postnet(tmp_path / "p.ckpt"), weights_only=True)
    model, voice = (content["state_dict"][name] for name in ("model", "audio2motion_task"))
    model["block1.0.conv_block.1.weight"] = torch.zeros(129)
    model["block3.1.bias"] = torch.full((204,), float("nan"))
    del voice["model.vae.decoder.out_proj.bias"]
    model["block4.weight"] = torch.zeros(3, 3)
    content["state_dict"]["extra_model"] = {"weight": torch.zeros(2)}
    path = files.save(tmp_path / "p.ckpt", content)
    with pytest.raises(DataError) as error:
        main([str(path), f"--exp_name={tmp_path / 'run'}"])
    assert str(error.value) == (
        f"{path} looks like postnet but does not fit; nothing was written.\n"
        "  1 missing:\n"
        "    model.vae.decoder.out_proj.bias 204\n"
        "  1 of the wrong size:\n"
        "    state_dict.model.block1.0.conv_block.1.weight is 129, not 128\n"
        "  2 not part of this network:\n"
        "    state_dict.extra_model.weight\n"
        "    state_dict.model.block4.weight\n"
        "  1 not finite:\n"
        "    state_dict.model.block3.1.bias"
    )
    assert not (tmp_path / "run").exists()
