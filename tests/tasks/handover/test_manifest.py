"""A person's name becomes that of folders, so it is a plain one."""

from __future__ import annotations

import pytest

from tasks.handover.manifest import MOST, check_name
from utils.errors import ConfigError


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "-a", ".a", "a\\b", "a\n", "ä", "a" * 101])
def test_a_name_that_is_no_plain_one_is_refused(name):
    with pytest.raises(ConfigError, match="use letters, digits"):
        check_name(name, "--exp_name")


def test_a_plain_name_is_returned_and_no_member_leads_out():
    assert check_name("Anna_2.b-c", "ID") == "Anna_2.b-c"
    assert not [name for name in MOST if name.startswith("/") or ".." in name.split("/")]
