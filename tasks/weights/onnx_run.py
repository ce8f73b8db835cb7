"""Compute a stranger's ONNX graph once, in a process of its own that may not take all memory, nor for ever.

A graph is a program: a loop in it need not end, and one small constant may ask for all memory.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from utils.arrays import Floats
from utils.paths import ROOT
from utils.processes.memory import limit_process

SECONDS, MEMORY = 60, 4 << 30
"""Of the processor, and bytes of address space besides four times the file; a decoder takes two seconds and 1 GB."""


def run_once(path: Path, given: Floats, most: int) -> Floats:
    """Return a graph's first output for its one input.

    Args:
        path: The ONNX file.
        given: The input.
        most: Numbers that the output may have.

    Raises:
        ValueError: It cannot be computed, or takes too much time or memory.
    """
    command = [sys.executable, "-m", "tasks.weights.onnx_run", str(path.resolve()), str(most)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, input=_bytes(given), capture_output=True, timeout=20 * SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError("it does not come to an end") from None
    if done.returncode == 1:
        reason = done.stderr.decode("utf-8", "replace").strip() or "it fails"
        raise ValueError("it takes too much memory" if re.search("alloc|[Aa]rena", reason) else reason[-200:])
    if done.returncode:
        raise ValueError("it takes too much time or memory")
    return np.load(io.BytesIO(done.stdout), allow_pickle=False)


def _bytes(array: Floats) -> bytes:
    stream = io.BytesIO()  # a pipe has no place to go back to, which numpy wants
    np.save(stream, array)
    return stream.getvalue()


def _main(path: Path, most: int) -> None:
    import onnxruntime

    given = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    limit_process(SECONDS, MEMORY + 4 * path.stat().st_size)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    output = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: given})[0]
    if output.size > most or output.dtype != np.float32:
        what = f"{output.size} numbers of kind {output.dtype}, where {most} belong"
        raise ValueError(f"it computes something else: {what}")
    sys.stdout.buffer.write(_bytes(output))


if __name__ == "__main__":
    try:
        _main(Path(sys.argv[1]), int(sys.argv[2]))
    except Exception as error:  # onnxruntime's own exceptions share no base class
        sys.exit(" ".join(str(error).split())[:200] or type(error).__name__)
