#!/usr/bin/env bash
# What to run first on a machine with a GPU: its tests, frames a second, ten updates of every task beside the processor's,
# a person's six tasks cut short; JSON and tables. At most eight minutes; needs torch, no network, and installs nothing.
#
#   bash scripts/check_gpu.sh [OUT] [--steps NAME ...] [--limit SECONDS] [--device cpu --quick]
# With --device cpu --quick every step is done small, without a GPU: it shows that they work, and measures nothing.
# The .venv of scripts/setup.sh is used where it is there, else python3; PYTHONPATH may hold packages that are missing.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
if [[ ! -x "$PYTHON" ]]; then
  PYTHON=python3
fi
if [[ ${#POSITIONAL[@]} -gt 1 ]]; then
  usage >&2
  exit 2
fi
exec "$PYTHON" -m tests.benchmarks.gpu "$(from_caller "$(argument 0 infer_out/gpu)")" ${FLAGS[@]+"${FLAGS[@]}"}
