#!/usr/bin/env bash
# Train the lip-sync judge: on a corpus of many speakers (LRS3), or on one person's processed video.
#
#   bash scripts/train_syncnet.sh [VIDEO_ID] [flags of tasks/run.py]
#
# Without VIDEO_ID: egs/datasets/lrs3/lm3d_syncnet.yaml -> checkpoints/lrs3/syncnet. --reset trains anew.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 1 0
if [[ ${#POSITIONAL[@]} -eq 0 ]]; then
  exec "$PYTHON" tasks/run.py --config=egs/datasets/lrs3/lm3d_syncnet.yaml --exp_name=lrs3/syncnet ${FLAGS[@]+"${FLAGS[@]}"}
fi
recipe_for "${POSITIONAL[0]}" syncnet
exec "$PYTHON" tasks/run.py "${RECIPE[@]}" --exp_name="${POSITIONAL[0]}/syncnet" ${FLAGS[@]+"${FLAGS[@]}"}
