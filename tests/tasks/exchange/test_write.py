"""An imported run never replaces another."""

from __future__ import annotations

import pytest

from tasks.import_checkpoint import main
from tests.tasks.exchange import geneface_files as files
from utils.errors import DataError


def test_another_run_is_not_overwritten(tmp_path):
    first, second = files.save_syncnet(tmp_path / "a.ckpt"), files.save_syncnet(tmp_path / "b.ckpt", step=7)
    run = f"--exp_name={tmp_path / 'run'}"
    assert main([str(first), run]) == main([str(first), run]) == 0
    with pytest.raises(DataError, match="holds another run already"):
        main([str(second), run])
