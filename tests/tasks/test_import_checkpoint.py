"""The door of imports: what is listed, and what is answered to a slip."""

from __future__ import annotations

import pytest

from tasks import import_checkpoint
from tasks.exchange.registry import sources
from utils.errors import ConfigError, DataError


def test_the_list_has_every_source(capsys):
    assert import_checkpoint.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [source.name for source in sources()]


def test_slips_are_told_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="Say which file or folder to import"):
        import_checkpoint.main([])
    with pytest.raises(DataError, match=r"^There is nothing at nowhere\.ckpt\.$"):
        import_checkpoint.main(["nowhere.ckpt"])
    with pytest.raises(ConfigError, match="--exp_nam"):
        import_checkpoint.main(["nowhere.ckpt", "--exp_nam=x"])
    with pytest.raises(DataError, match=r"^There is nothing at nowhere\.ckpt\.$"):  # a flag may stand before
        import_checkpoint.main(["--exp_name", "x", "nowhere.ckpt"])


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no checkpoint"):
        import_checkpoint.main([str(tmp_path)])
