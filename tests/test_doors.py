"""Every door answers slips, help and what is missing in little more than Python needs to read a settings file."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[1]
MOST = 11.0
"""Times the processor seconds of `import pydantic, yaml` (0.1 to 0.2 s); with torch it was 80 times."""
LINES = {
    "tasks/run.py --config=egs/datasets/demo/lm3d_nerf.yaml --help": (0, "Settings of lm3d_nerf"),
    "tasks/run.py --config=egs/datasets/demo/postnet.yaml --exp_name=demo/postnet --lr=x": (2, "lr = 'x': "),
    "tasks/run.py --config=egs/datasets/demo/syncnet.yaml --exp_name=nobody/x --infer": (2, "No checkpoint in "),
    "tasks/run.py --config=egs/datasets/demo/lm3d_nerf.yaml --exp_name=no/x --video_id=no": (2, "No processed video "),
    "tasks/talking_head.py infer nobody README.md x.mp4": (2, "No trained lm3d_nerf_torso for 'nobody'"),
    "tasks/talking_head.py infer nobody README.md x.avi": (2, "end its name in .mp4"),
    "tasks/talking_head.py train nobody": (2, "No processed video "),
    "tasks/talking_head.py check nobody": (2, "No processed video "),
    "tasks/talking_head.py evaluate nobody": (2, "No trained "),
    "tasks/talking_head.py play nobody": (2, "No trained "),
    "tasks/import_checkpoint.py --list": (0, "geneface/syncnet"),
    "tasks/import_checkpoint.py nosuch": (2, "There is nothing at nosuch."),
    "tasks/export_checkpoint.py nosuch/run": (2, "No checkpoint in "),
    "data_gen/run.py video --id x --video nosuch.mp4": (2, "nosuch.mp4 does not exist."),
    "data_gen/run.py clips --help": (0, "--per_shard N"),
    "-m utils.assets list": (0, "face_landmarker"),
    "tasks/run.py --list --json": (0, '"name": "syncnet"'),
    "tasks/run.py --version": (0, "vizeme "),
    "tasks/talking_head.py --version": (0, "vizeme "),
    "tasks/import_checkpoint.py --version": (0, "vizeme "),
    "data_gen/run.py --version": (0, "vizeme "),
    "-m utils.assets --version": (0, "vizeme "),
    "-m vizeme speak nobody README.md x.mp4": (2, "No trained "),
    "-m vizeme completion bash": (0, "_shtab_vizeme_speak_option_strings"),
}
"""What is typed -> exit code, and what is said."""
DEAR = (2, 4, -2)
"""Those whose processor time is measured: the dearest of their kinds."""


def spent(words: list[str], folder: Path) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run Python and return the processor seconds that it took."""
    variables = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "VIZEME_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=HANG_S
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def test_a_slip_costs_little_more_than_reading_settings(tmp_path):
    plain = ["-c", "import pydantic, yaml"]
    base = min(spent(plain, tmp_path)[0] for _ in range(3))
    for line in (list(LINES)[number] for number in DEAR):
        took, done = spent(line.split(), tmp_path)
        if took >= MOST * base:  # another job on the core makes both dearer: the better of two, against what it is now
            took = min(took, spent(line.split(), tmp_path)[0])
            base = max(base, spent(plain, tmp_path)[0])
        assert took < MOST * base, f"{line}: {took:.2f} s, `import pydantic, yaml` {base:.2f} s"
        code, text = LINES[line]
        assert (done.returncode, text in done.stdout + done.stderr) == (code, True), done.stderr


def test_no_slip_waits_for_torch(tmp_path):
    """All in one process, which would have to import torch for the first that wants it."""
    code = (
        "import contextlib, importlib, io, sys\n"
        "from utils.errors import UserError\n"
        "for line in sys.argv[1:]:\n"
        "    words = line.split()\n"
        "    words = words[1:] if words[0] == '-m' else words\n"
        "    name = words[0].removesuffix('.py').replace('/', '.')\n"
        "    name += '.__main__' if name == 'vizeme' else ''\n"
        "    out = io.StringIO()\n"
        "    with contextlib.redirect_stdout(out):\n"
        "        try:\n"
        "            code = importlib.import_module(name).main(words[1:])\n"
        "        except UserError as error:\n"
        "            code = 2; print(error)\n"
        "    dear = ('torch', 'pytorch_lightning', 'cv2', 'librosa', 'transformers')\n"
        "    heavy = [one for one in dear if one in sys.modules]\n"
        "    print(repr((line, code, heavy, out.getvalue())))\n"
    )
    _, done = spent(["-c", code, *LINES], tmp_path)
    assert done.returncode == 0, done.stderr
    answers = {line: rest for line, *rest in map(ast.literal_eval, done.stdout.splitlines())}
    assert list(answers) == list(LINES)
    for line, (code_wanted, text) in LINES.items():
        got, heavy, said = answers[line]
        assert (got or 0, heavy) == (code_wanted, []), line
        assert text in said, said


def test_doors_answer_without_docstrings(tmp_path):
    """`python -OO` drops what help is written in: less is said then, and nothing breaks."""
    _, done = spent(["-OO", "-m", "utils.assets", "list"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "face_landmarker" in done.stdout
