"""Sources are listed and can be forced."""

from __future__ import annotations

import pytest

from tasks.import_checkpoint import main
from tests.tasks.exchange import geneface_files as files
from utils.errors import ConfigError, DataError


def test_sources_are_listed_and_can_be_forced(tmp_path, capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "geneface/lm3d_radnerf_torso" in listed
    path = files.save_syncnet(tmp_path / "s.ckpt")
    with pytest.raises(ConfigError, match="Did you mean geneface/syncnet"):
        main([str(path), "--source=genface/syncnet"])
    with pytest.raises(DataError, match="looks like postnet but does not fit"):
        main([str(path), "--source=geneface/postnet", f"--exp_name={tmp_path / 'run'}"])
    with pytest.raises(ConfigError, match="Say which file or folder"):
        main([])
