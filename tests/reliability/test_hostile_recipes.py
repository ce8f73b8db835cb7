"""Bad recipes and bad settings are refused in plain words; odd ones that are right are taken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tasks import run
from tasks.core.trainer import train
from tests.reliability.hostile import Table
from tests.reliability.hostile_recipes import GOOD, NO_NUMBERS, NUMBERS, RIGHT, WHOLE, WHOLE_ONLY
from tests.tasks.toy import ToyConfig, ToyTask
from utils.config.recipe import load_recipe

KIND, SETTING = "recipes", "settings on the command line"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train the toy once."""
    folder = tmp_path_factory.mktemp("trained")
    train(ToyTask(ToyConfig(task_cls="toy", max_updates=2, val_check_interval=2)), folder)
    return folder


def recipe(table: Table, data: bytes) -> Path:
    path = table.folder / "recipe.yaml"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", WHOLE)
def test_a_recipe_that_is_none(toy, table, name):
    path = recipe(table, WHOLE[name])
    table.refuses(KIND, run.main, [f"--config={path}", f"--exp_name={table.folder / 'exp'}"], says="recipe.yaml")
    assert not Path("hacked").exists()


@pytest.mark.parametrize("setting", NUMBERS)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_value_that_is_no_number(toy, table, setting, value):
    group, _, leaf = setting.rpartition(".")
    line = f"{group}: {{{leaf}: {NO_NUMBERS[value]}}}" if group else f"{leaf}: {NO_NUMBERS[value]}"
    base = "\n".join(row for row in GOOD.splitlines() if not row.startswith(f"{setting}:"))
    path = recipe(table, f"{base}\n{line}\n".encode())
    table.refuses(KIND, run.main, [f"--config={path}", f"--exp_name={table.folder / 'exp'}"], says="recipe.yaml")


@pytest.mark.parametrize("setting", ["max_updates", "width", "seed"])
@pytest.mark.parametrize("value", WHOLE_ONLY)
def test_a_value_that_is_no_whole_number(toy, table, setting, value):
    base = "\n".join(row for row in GOOD.splitlines() if not row.startswith(f"{setting}:"))
    path = recipe(table, f"{base}\n{setting}: {WHOLE_ONLY[value]}\n".encode())
    table.refuses(KIND, run.main, [f"--config={path}", f"--exp_name={table.folder / 'exp'}"], says=setting)


@pytest.mark.parametrize("name", RIGHT)
def test_an_odd_recipe_that_is_right(toy, table, trained, name):
    path = recipe(table, RIGHT[name])
    table.takes(KIND, run.main, [f"--config={path}", f"--exp_name={trained}", "--infer"])


def test_bases_that_go_in_a_long_circle(toy, table):
    for number in range(50):
        (table.folder / f"{number}.yaml").write_text(f"base_config: ./{(number + 1) % 50}.yaml\ntask_cls: toy\n")
    table.refuses(KIND, run.main, [f"--config={table.folder / '0.yaml'}", "--exp_name=x"], says="in a circle")


def test_bases_too_many_to_follow(toy, table):
    """Each names the one before twice: read in full that is two to the power of sixty files."""
    (table.folder / "0.yaml").write_text(GOOD)
    for number in range(1, 60):
        below = f"./{number - 1}.yaml"
        (table.folder / f"{number}.yaml").write_text(f"base_config: [{below}, {below}]\n")
    table.refuses(KIND, run.main, [f"--config={table.folder / '59.yaml'}", "--exp_name=x"], says="base_config")


def test_bases_in_a_chain_longer_than_the_stack(toy, table):
    (table.folder / "0.yaml").write_text(GOOD)
    for number in range(1, 1200):
        (table.folder / f"{number}.yaml").write_text(f"base_config: ./{number - 1}.yaml\n")
    table.refuses(KIND, run.main, [f"--config={table.folder / '1199.yaml'}", "--exp_name=x"], says="base_config")


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "unreadable", "dangling", "circle", "long"])
def test_a_recipe_that_is_no_file(toy, table, what):
    path: Path = table.folder / "recipe.yaml"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path = Path("/dev/zero")
    elif what == "unreadable":
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        path.write_text(GOOD)
        path.chmod(0)
    elif what == "dangling":
        path.symlink_to("nowhere.yaml")
    elif what == "circle":
        path.symlink_to(path)
    else:
        path = table.folder / ("x" * 300 + ".yaml")
    table.refuses(KIND, run.main, [f"--config={path}", "--exp_name=x"])


@pytest.mark.parametrize(
    "name",
    ["with space.yaml", "quo'te.yaml", 'quo"te.yaml', "per%d.yaml", "ünï☃.yaml", "new\nline.yaml",
     "$(touch hacked).yaml", "semi;colon.yaml", "brace{}.yaml", "[glob]*?.yaml", "-dash.yaml",
     "esc\x1b[31m.yaml", "back\\slash.yaml"],
)  # fmt: skip
def test_a_recipe_of_any_name(toy, table, trained, monkeypatch, name):
    monkeypatch.chdir(table.folder)
    Path(name).write_text(GOOD)
    table.takes(KIND, run.main, [f"--config={name}", f"--exp_name={trained}", "--infer"])
    Path(name).write_text(GOOD + "lr: none\n")
    table.refuses(KIND, run.main, [f"--config={name}", f"--exp_name={trained}", "--infer"])
    assert not Path("hacked").exists()


WORDS: dict[str, list[str]] = {
    "no equals": ["--hparams=lr"],
    "no name": ["--hparams==1"],
    "only commas and a word": ["--hparams=,,,lr,,,"],
    "an unknown name": ["--hparams=widht=3"],
    "an unknown group": ["--hparams=wieghts.error=3"],
    "a group below a number": ["--hparams=lr.x=3"],
    "a group below an unknown name": ["--hparams=a.b.c.d.e=3"],
    "a dot at the end": ["--hparams=weights.=3"],
    "a dot in front": ["--hparams=.lr=3"],
    "dots alone": ["--hparams=...=3"],
    "a thousand dots": ["--hparams=" + "a." * 1000 + "b=3"],
    "a name of 100,000 letters": ["--hparams=" + "a" * 100_000 + "=3"],
    "a value of a million letters": ["--hparams=lr=" + "9a" * 500_000],
    "an open bracket": ["--hparams=lr=[1"],
    "an open brace": ["--hparams=weights={error: 1"],
    "brackets crossed": ["--hparams=lr=[1}"],
    "a closed bracket too many": ["--hparams=lr=1]"],
    "an open quote": ["--hparams=lr='1"],
    "brackets 10,000 deep": ["--hparams=lr=" + "[" * 10_000],
    "a Python object": ["--hparams=lr=!!python/object/apply:os.system [touch hacked]"],
    "an alias": ["--hparams=lr=*a"],
    "an anchor": ["--hparams=weights={error: &a 1, size: *a}"],
    "a merge key": ["--hparams=weights={<<: {error: 1}}"],
    "a repeated key": ["--hparams=weights={error: 1, error: 2}"],
    "a list for a number": ["--hparams=lr=[1,2]"],
    "a mapping for a number": ["--hparams=lr={a: 1}"],
    "NaN": ["--hparams=lr=.nan"],
    "nan as Python writes it": ["--hparams=lr=nan"],
    "inf as Python writes it": ["--hparams=lr=inf"],
    "infinity": ["--hparams=weights.error=.inf"],
    "minus": ["--hparams=lr=-1"],
    "null": ["--hparams=lr=null"],
    "nothing": ["--hparams=lr="],
    "true": ["--hparams=max_updates=true"],
    "a number beyond floats": ["--hparams=lr=1e999"],
    "a number beyond 64 bits": ["--hparams=seed=99999999999999999999"],
    "a base-60 number": ["--hparams=max_updates=1:30"],
    "an octal number": ["--hparams=max_updates=0o10"],
    "full-width digits": ["--hparams=max_updates=１２"],
    "a network larger than any memory": ["--hparams=width=100000000000000", "--reset"],
    "a NUL": ['--hparams=flavour="a\\0b"'],
    "a lone surrogate": ["--hparams=lr=\udcff"],
    "a lone surrogate in a name": ["--hparams=l\udcffr=1"],
    "an escape of the terminal": ["--hparams=\x1b[31mlr=1"],
    "a newline in a name": ["--hparams=l\nr=1"],
    "a comment": ["--hparams=lr=#1"],
    "two documents": ["--hparams=lr=1\n---\n2"],
    "a document's end": ["--hparams=lr=...\n1"],
    "a directive": ["--hparams=lr=%YAML 1.1"],
    "a tab": ["--hparams=lr=\t@1"],
    "an expression": ["--hparams=lr=__import__('os').system('touch hacked')"],
    "a group set to a number": ["--hparams=weights=3"],
    "a group set to a list": ["--hparams=weights=[1,2]"],
    "a group set to null": ["--hparams=weights=null"],
    "a task that is none": ["--hparams=task_cls=nobody"],
    "a task that is a list": ["--hparams=task_cls=[toy]"],
    "a task that is nothing": ["--hparams=task_cls="],
    "a base on the command line": ["--hparams=base_config=egs/none.yaml"],
    "--set without equals": ["--set", "lr"],
    "--set of nothing": ["--set", ""],
    "--set that breaks": ["--set", "lr=[1"],
    "a flag without its value": ["--lr"],
    "a flag with a flag for value": ["--lr", "--width=3"],
    "a flag with two values": ["--lr", "1", "2"],
    "a stray word": ["lr=1"],
    "a stray dash": ["-"],
    "two dashes": ["--", "x"],
    "a single dash": ["-lr=1"],
    "a flag of an unknown name": ["--learning_rate=1"],
    "--hparams without a value": ["--hparams"],
    "--debug of an unknown kind": ["--debug=deep"],
    "an empty flag": ["--=1"],
    "a minus for a count": ["--max_updates=-1"],
    "a zero for a count": ["--max_updates=0"],
    "an exp_name of nothing": ["--exp_name="],
    "an exp_name of 5,000 letters": ["--exp_name=" + "x" * 5000],
    "an exp_name that is a file": ["--exp_name=/etc/passwd"],
    "an exp_name in a device": ["--exp_name=/dev/null/x"],
    "an infer step that is none": ["--infer", "--infer_ckpt_steps=soon"],
    "an infer step that is not there": ["--infer", "--infer_ckpt_steps=12345"],
    "a device that is none": ["--infer", "--device=gpu9"],
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_settings_that_make_no_sense(toy, table, trained, monkeypatch, name):
    shutil.copytree(trained, table.folder / "exp")
    words = [f"--config={recipe(table, GOOD.encode())}", f"--exp_name={table.folder / 'exp'}", *WORDS[name]]
    table.refuses(SETTING, run.main, words)
    assert not Path("hacked").exists()


TAKEN: dict[str, list[str]] = {
    "nothing between commas": ["--hparams=,,lr=1,,"],
    "an empty --hparams": ["--hparams="],
    "spaces": ["--hparams= lr = 1 , width=4"],
    "a comma in quotes": ["--hparams=flavour='a,b=c',lr=1"],
    "a comma in braces": ["--hparams=weights={error: 1, size: 2}"],
    "an equals in the value": ["--hparams=flavour=a=b=c"],
    "a quote in a name": ["--flavour=it's"],
    "a bracket in a name": ["--flavour=a[1"],
    "a name that is a YAML alias": ["--flavour=*a"],
    "a name that is a tag": ["--flavour=!!python/name:os.system"],
    "a name that is a percentage": ["--flavour=%d"],
    "an empty name": ["--flavour="],
    "the later wins": ["--hparams=lr=1", "--lr=2", "--set", "lr=3"],
    "5e-4": ["--lr=5e-4"],
    "a sign": ["--lr=+1"],
}


@pytest.mark.parametrize("name", TAKEN)
def test_odd_settings_that_are_right(toy, table, trained, name):
    path = recipe(table, GOOD.encode())
    words = [f"--config={path}", f"--exp_name={trained}", "--infer", *(w for w in TAKEN[name])]
    answer = table.run(run.main, words)
    if "flavour" in str(words):  # it makes another network than the one that was trained
        assert "flavour" in answer.err or answer.code == 0
    else:
        assert answer.code == 0, answer.err
    table.note(SETTING, "taken")


def test_a_deep_chain_of_bases_is_read_once_each(toy, table):
    """A base that several others share is no circle."""
    (table.folder / "root.yaml").write_text(GOOD)
    for name in "ab":
        (table.folder / f"{name}.yaml").write_text("base_config: ./root.yaml\n")
    (table.folder / "top.yaml").write_text("base_config: [./a.yaml, ./b.yaml]\n")
    assert load_recipe(table.folder / "top.yaml").problems == []
