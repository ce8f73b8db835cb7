# Sourced by every script: stops at the first error, goes to the repository, finds Python, answers -h.
# The comment at the top of a script is its help.
set -euo pipefail

CALLER="$PWD"
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
PYTHON="$ROOT/.venv/bin/python"

usage() {
  sed -n '2,${/^#/!q; s/^# \{0,1\}//p;}' "$ROOT/scripts/$(basename "$0")"
}

# Split "$@" into POSITIONAL (up to the first flag) and FLAGS; answer -h; make the environment when there is none.
begin() {
  local word
  for word in "$@"; do
    if [[ "$word" == "-h" || "$word" == "--help" ]]; then
      usage
      exit 0
    fi
  done
  POSITIONAL=()
  while [[ $# -gt 0 && "$1" != -* ]]; do
    POSITIONAL+=("$1")
    shift
  done
  FLAGS=("$@")
}

# Refuse more than $1 or fewer than $2 positional arguments, and make the environment when there is none.
expect() {
  if [[ ${#POSITIONAL[@]} -gt $1 || ${#POSITIONAL[@]} -lt $2 ]]; then
    usage >&2
    exit 2
  fi
  if [[ ! -x "$PYTHON" ]]; then
    bash scripts/setup.sh
  fi
}

# Print the positional argument number $1 (from 0), or the default $2.
argument() {
  if [[ ${#POSITIONAL[@]} -gt $1 ]]; then printf '%s' "${POSITIONAL[$1]}"; else printf '%s' "$2"; fi
}

# Print a path as seen from the repository, though it was given from where the script was called.
from_caller() {
  if [[ "$1" == /* || "$CALLER" == "$ROOT" ]]; then printf '%s' "$1"; else printf '%s' "$CALLER/$1"; fi
}

# Quote a value for --hparams, so that commas, colons and spaces in a file's name are kept.
quoted() {
  printf "'%s'" "${1//\'/\'\'}"
}

# Print the file's name without folder and suffix.
stem() {
  local name
  name="$(basename "$1")"
  printf '%s' "${name%.*}"
}

# Print the first of the folders checkpoints/$1/$2, $3, ... that holds a checkpoint, or else the first.
run_folder() {
  local person="$1" name
  shift
  for name in "$@"; do
    if compgen -G "checkpoints/$person/$name/model_ckpt_steps_*.ckpt" >/dev/null; then
      printf '%s' "checkpoints/$person/$name"
      return
    fi
  done
  printf '%s' "checkpoints/$person/$1"
}

# Set RECIPE to the person's own recipe $2 (egs/datasets/videos/<id>/), or to the one for anybody with the id.
recipe_for() {
  if [[ -f "egs/datasets/videos/$1/$2.yaml" ]]; then
    RECIPE=(--config="egs/datasets/videos/$1/$2.yaml")
  else
    RECIPE=(--config="egs/datasets/videos/person/$2.yaml" --video_id="$1")
  fi
}

# Use the run in the folder $1, a trained $2, with the settings name=value that follow and FLAGS; refuse with $3 when it is
# not trained.
infer_with() {
  local run="$1" what="$2" remedy="$3"
  shift 3
  if [[ ! -f "$run/config.yaml" ]]; then
    echo "error: no trained $what in $run. $remedy" >&2
    exit 2
  fi
  exec "$PYTHON" tasks/run.py --config="$run/config.yaml" --exp_name="$run" \
    --hparams="$(IFS=, && printf '%s' "$*")" --infer ${FLAGS[@]+"${FLAGS[@]}"}
}
