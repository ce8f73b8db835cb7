"""What may be asked for, and that asking costs nothing."""

import subprocess
import sys
from typing import get_args

from utils.media.marks.label import TEXTS
from utils.media.marks.pattern import KINDS
from utils.media.marks.settings import Kind, Label, MarkSettings


def test_marks_are_on_and_the_label_is_off():
    assert (MarkSettings().infer_mark, MarkSettings().infer_label) == (True, "none")


def test_every_label_has_its_text_and_every_kind_its_number():
    assert set(get_args(Label)) == {"none", *TEXTS}
    assert get_args(Kind) == KINDS[1:]


def test_reading_the_settings_imports_nothing_heavy():
    code = "import sys, utils.media.marks.settings; print(*{'numpy', 'c2pa', 'cryptography', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == []
