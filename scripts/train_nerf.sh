#!/usr/bin/env bash
# Train the renderer of a person: first the head, then the torso.
#
#   bash scripts/train_nerf.sh [VIDEO_ID] [flags of tasks/run.py, for both]
#
# Without VIDEO_ID: May, egs/datasets/videos/May/lm3d_nerf.yaml and lm3d_nerf_torso.yaml.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 1 0
VIDEO_ID="$(argument 0 "${VIDEO_ID:-May}")"
for TASK in lm3d_nerf lm3d_nerf_torso; do
  recipe_for "$VIDEO_ID" "$TASK"
  "$PYTHON" tasks/run.py "${RECIPE[@]}" --exp_name="$VIDEO_ID/$TASK" ${FLAGS[@]+"${FLAGS[@]}"}
done
