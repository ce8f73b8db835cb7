"""A SLURM job starts one torchrun a machine, which meet at the first; outside SLURM it is one line."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(tmp_path):
    """Run the script as sbatch does: a copy from elsewhere, on stand-ins that print what they are given."""
    echo = 'printf "%s\\n" "$@"'
    places = {"bin/srun": echo, "bin/scontrol": "echo node7; sleep 0.1; echo node8", "repo/.venv/bin/torchrun": ""}
    for name, line in places.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)
    script = shutil.copy(ROOT / "scripts/slurm_train.sh", tmp_path / "slurm_script")
    slurm = {"SLURM_JOB_ID": "123", "SLURM_SUBMIT_DIR": str(tmp_path / "repo"), "SLURM_JOB_NODELIST": "node[7-8]",
             "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "4"}  # fmt: skip

    def run(*words: str, **changed: str):
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        variables = {k: v for k, v in {**os.environ, **slurm, **changed, "PATH": path}.items() if v}
        return subprocess.run(["bash", str(script), *words], env=variables, capture_output=True, text=True)

    return run


def test_every_machine_starts_its_processes_and_meets_the_others_at_the_first(job):
    done = job("egs/a b.yaml", "lrs3/x", "--lr=1.0e-3")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        ".venv/bin/torchrun", "--nnodes=2", "--nproc_per_node=4", "--rdzv_id=123", "--rdzv_backend=c10d",
        "--rdzv_endpoint=node7:20123", "tasks/run.py", "--config=egs/a b.yaml", "--exp_name=lrs3/x", "--lr=1.0e-3",
    ]  # fmt: skip


def test_what_is_missing_is_one_line(job, tmp_path):
    outside = job("recipe.yaml", "x", SLURM_JOB_ID="")
    assert (outside.returncode, outside.stdout) == (2, "")
    assert outside.stderr == "error: this is a job of SLURM: sbatch scripts/slurm_train.sh RECIPE EXP_NAME\n"
    elsewhere = job("recipe.yaml", "x", SLURM_SUBMIT_DIR=str(tmp_path))
    assert elsewhere.returncode == 2
    assert elsewhere.stderr.startswith(f"error: no .venv in {tmp_path}. ")
    assert job("recipe.yaml").returncode == 2
    assert "sbatch scripts/slurm_train.sh RECIPE EXP_NAME" in job("--help").stdout
