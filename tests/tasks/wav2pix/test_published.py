"""The original's files begin a training here, whomever they were trained to tell apart."""

from __future__ import annotations

import pytest
import torch

from data_gen import run as data_run
from modules.wav2pix import Discriminator, Generator
from tasks import import_checkpoint, run
from tasks.core.checkpoints import read_checkpoint
from tasks.core.loading import load_task
from tasks.wav2pix.published import weights_of
from tests.made_faces import make_speakers
from utils.errors import DataError


@pytest.fixture(scope="module")
def house(module_path):
    """Write a generator of ten speakers and its discriminator as the original does, and data of two others."""
    folder = module_path
    make_speakers(folder / "speakers")
    data_run.main(["wav2pix", "--pairs", str(folder / "speakers"), "--out", str(folder / "pairs")])
    torch.manual_seed(3)
    torch.save(Generator(64, 10).state_dict(), folder / "gen_200.pth")
    torch.save(Discriminator(64).state_dict(), folder / "disc_200.pth")
    return folder


def test_an_imported_run_goes_on_with_other_speakers(house, caplog):
    caplog.set_level("INFO")
    exp = house / "imported"
    import_checkpoint.main([str(house / "gen_200.pth"), f"--exp_name={exp}"])
    before = read_checkpoint(exp / "last.ckpt")["state_dict"]
    words = [f"--config={exp / 'config.yaml'}", f"--exp_name={exp}", f"--binary_data_dir={house / 'pairs'}"]
    more = ["--max_updates=2", "--batch_size=2", "--val_check_interval=9", "--lr_G=1e-9", "--ema_decay=0"]
    assert run.main([*words, *more]) == 0
    assert "its last layer anew for the 2 speakers of this data" in caplog.text
    task = load_task(exp)
    assert (task.updates, task.speakers) == (2, ["speaker0", "speaker1"])
    assert task.generator.aux_classifier.net[3].out_features == 2
    name = "netG.0.module.weight_bar"
    assert torch.allclose(task.generator.state_dict()[name], before[f"generator.{name}"], atol=1e-6)
    assert run.main([*words, *more, "--max_updates=3"]) == 0, "and on, as any run"
    assert caplog.text.count("its last layer anew") == 1


def test_a_run_begins_with_the_files_of_the_original(house, caplog):
    caplog.set_level("INFO")
    exp, recipe = house / "begun", house / "wav2pix.yaml"
    recipe.write_text(
        f"task_cls: wav2pix\nbinary_data_dir: {house / 'pairs'}\nbatch_size: 2\nmax_updates: 1\nema_decay: 0\n"
        f"lr_G: 1.0e-9\nlr_D: 1.0e-9\npre_trained_gen: {house / 'gen_200.pth'}\n"
        f"pre_trained_disc: {house / 'disc_200.pth'}\n"
    )
    assert run.main([f"--config={recipe}", f"--exp_name={exp}"]) == 0
    imported, begun = load_task(house / "imported", 1), load_task(exp)
    for part in ("generator", "discriminator"):
        theirs = getattr(imported, part).state_dict()
        for name, value in getattr(begun, part).state_dict().items():
            if name.endswith("weight_bar"):
                assert torch.allclose(value, theirs[name], atol=1e-6), "colours are put right, as by an import"
    assert "The generator begins as in" in caplog.text
    assert "its last layer anew for the 2 speakers" in caplog.text


def test_another_network_is_named(house):
    own = Discriminator(64, "projection").state_dict()
    with pytest.raises(DataError, match=r"disc_200\.pth holds no discriminator like this one \(.*original's is concat"):
        weights_of(house / "disc_200.pth", "discriminator", own, 64)
    with pytest.raises(DataError, match=r"none\.pth does not exist"):
        weights_of(house / "none.pth", "generator", Generator(64, 2).state_dict(), 64)
