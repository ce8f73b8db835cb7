"""What Windows or macOS lacks is used only where it was looked for."""

from __future__ import annotations

import ast
import os
import shutil
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.core.loading import device_of
from utils.errors import ConfigError, DataError
from utils.files import array_file, lock, scratch
from utils.processes.workers import cores

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tasks", "data_gen", "utils", "modules", "scripts/vizeme")
MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "msvcrt", "winreg", "winsound"}
NAMES = {
    "os": {
        "sched_getaffinity", "sched_setaffinity", "getuid", "geteuid", "getgid", "getegid", "getpgid", "getpgrp",
        "setsid", "killpg", "kill", "fork", "nice", "pread", "pwrite", "posix_fallocate", "posix_fadvise",
        "register_at_fork",
        "getloadavg", "statvfs", "mkfifo", "chown", "fchmod", "fchown", "sync", "uname", "O_DIRECTORY", "O_NONBLOCK",
        "O_NOFOLLOW", "O_CLOEXEC", "wait", "waitpid", "sendfile",
    },
    "signal": {"SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGQUIT", "SIGSTOP",
               "SIGTSTP", "SIGCONT", "SIGWINCH", "alarm", "setitimer", "pause", "pthread_kill", "pthread_sigmask"},
}  # fmt: skip


def unguarded(source: str) -> list[str]:
    """List the lines that use what not every system has, without having looked whether it is there."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def above(node: ast.AST) -> list[ast.AST]:
        nodes = []
        while node in parents:
            node = parents[node]
            nodes.append(node)
        return nodes

    def looks_for(test: ast.AST, name: str) -> bool:
        words = {n.value for n in ast.walk(test) if isinstance(n, ast.Constant)}
        asked = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
        dotted = {f"{n.value.id}.{n.attr}" for n in ast.walk(test) if isinstance(n, ast.Attribute)
                  and isinstance(n.value, ast.Name)}  # fmt: skip
        return bool(("hasattr" in asked and name in words) or dotted & {"os.name", "sys.platform"} or "fcntl" in asked)

    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NAMES.get(node.value.id, ()):
                tests = [one.test for one in above(node) if isinstance(one, ast.If | ast.IfExp)]
                if not any(looks_for(test, node.attr) for test in tests):
                    lines.append(f"{node.lineno}: {node.value.id}.{node.attr}")
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = [node.module or ""]
            lines += [f"{node.lineno}: {a.name}" for a in node.names if a.name in NAMES.get(node.module or "", ())]
        if MODULES & set(named) and not any(
            isinstance(one, ast.Try) and "ImportError" in ast.dump(ast.Module(one.handlers, [])) for one in above(node)
        ):
            lines.append(f"{node.lineno}: import {', '.join(named)}")
    return lines


def test_what_not_every_system_has_is_looked_for():
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 300
    assert not [f"{path.relative_to(ROOT)}:{line}" for path in files for line in unguarded(path.read_text())]


@pytest.mark.parametrize("sin", [
    "import fcntl", "def f():\n    import resource", "from signal import SIGHUP", "import os\nos.getuid()",
    "import os\nif hasattr(os, 'getuid'):\n    os.sched_getaffinity(0)", "signal.signal(signal.SIGUSR1, f)",
    "try:\n    import fcntl\nexcept ValueError:\n    pass", "os.kill(3, 0)",
])  # fmt: skip
def test_a_use_without_a_look_is_noticed(sin):
    assert len(unguarded(sin)) == 1


@pytest.fixture
def windows(monkeypatch):
    """Lock as on Windows: no fcntl, and a stand-in for msvcrt that refuses a byte that is locked."""
    import fcntl as real

    def locking(handle: int, mode: int, count: int) -> None:
        assert (mode, count, os.lseek(handle, 0, os.SEEK_CUR)) == (7, 1, lock._FAR)
        real.flock(handle, real.LOCK_EX | real.LOCK_NB)

    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=7))


def test_a_folder_is_held_by_one_without_fcntl(tmp_path, windows):
    with lock.alone_in(tmp_path, "It is busy"):
        with pytest.raises(DataError, match=rf"another --out \(it is process {os.getpid()}"), lock.filling(tmp_path):
            pass
        with pytest.raises(DataError, match="busy"), lock.alone_in(tmp_path, "It is busy"):
            pass
    assert list(tmp_path.iterdir()) == []
    with lock.alone_in(tmp_path, "It is busy"):
        pass


def test_scratch_folders_come_and_go_without_fcntl_and_owners(tmp_path, windows, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delattr(os, "getuid")
    left = tmp_path / "vizeme-abcdefgh"
    left.mkdir()
    (left / scratch.MARKER).touch()
    with scratch.scratch_folder() as folder:
        assert not left.exists()
        (folder / "a").write_text("a")
        scratch.clear_scratch(tmp_path)  # another process: it is held
        assert (folder / "a").is_file()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_locked_until_the_end_is_deleted_after_it(tmp_path, windows, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    real, refused = shutil.rmtree, []

    def first_refused(path: Path, ignore_errors: bool = False) -> None:
        """Leave the folder the first time, as Windows does while a file in it is open."""
        refused.append(path)
        if len(refused) > 1:
            real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(scratch.shutil, "rmtree", first_refused)
    with scratch.scratch_folder():
        pass
    assert (len(refused), list(tmp_path.iterdir())) == (2, [])


def test_rows_are_read_where_there_is_no_pread(tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    values = np.arange(3000, dtype=np.float32).reshape(1000, 3)
    save_file({"a": values}, tmp_path / "a.safetensors")
    monkeypatch.delattr(os, "pread")
    file = array_file.ArrayFile(tmp_path / "a.safetensors", "Make it again.")
    wrong = []

    def read(start: int) -> None:
        for _ in range(50):
            if not np.array_equal(file.rows("a", start, start + 10), values[start : start + 10]):
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(start,)) for start in range(0, 900, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_cores_are_counted_everywhere(monkeypatch):
    assert cores() >= 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores() == 7


def test_apples_gpu_is_taken_by_name_where_torch_has_it_and_never_by_itself(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"no device 'mps' here\. Known: auto, cpu"):
        device_of("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match=r"Known: .*mps"):
        device_of("nothing")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto").type == "cpu"
    monkeypatch.setattr(torch, "empty", lambda *size, device: None)
    assert device_of("mps").type == "mps"
