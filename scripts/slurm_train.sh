#!/usr/bin/env bash
# Train one task on several machines of a SLURM cluster, one process a GPU. Not run on a cluster by its authors.
#
#   sbatch scripts/slurm_train.sh RECIPE EXP_NAME [flags of tasks/run.py]
#   sbatch --nodes=4 --gpus-per-node=8 scripts/slurm_train.sh RECIPE EXP_NAME --lr=1.0e-3
# From the repository, which with data and checkpoints/ lies on a disk that all machines share; .venv is made before
# (bash scripts/setup.sh). Before its time is up, all processes save and end; the same command goes on.
#SBATCH --job-name=vizeme
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --signal=TERM@120
set -euo pipefail

if [[ "${1:-}" == "-h" || "${1:-}" == "--help" ]]; then
  sed -n '2,8s/^# \{0,1\}//p' "$0"
  exit 0
fi
if [[ $# -lt 2 || "$1" == -* || "$2" == -* ]]; then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
if [[ -z "${SLURM_JOB_ID:-}" ]]; then
  echo "error: this is a job of SLURM: sbatch scripts/slurm_train.sh RECIPE EXP_NAME" >&2
  exit 2
fi
cd "$SLURM_SUBMIT_DIR" # sbatch runs a copy of this file from somewhere else
if [[ ! -x .venv/bin/torchrun ]]; then
  echo "error: no .venv in $SLURM_SUBMIT_DIR. Submit from the repository, after: bash scripts/setup.sh" >&2
  exit 2
fi
recipe="$1" exp_name="$2"
shift 2
hosts="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
first="${hosts%%$'\n'*}" # no pipe into head, which may end before scontrol has written all: a failure by pipefail
# A port of this job's own, so that two jobs may share a machine.
port=$((20000 + SLURM_JOB_ID % 20000))
exec srun .venv/bin/torchrun --nnodes="$SLURM_NNODES" --nproc_per_node="${SLURM_GPUS_ON_NODE:-1}" \
  --rdzv_id="$SLURM_JOB_ID" --rdzv_backend=c10d --rdzv_endpoint="$first:$port" \
  tasks/run.py --config="$recipe" --exp_name="$exp_name" "$@"
