#!/usr/bin/env bash
# Train the renderer of a person: first the head, then the torso and the portrait.
#
#   bash scripts/train_nerf.sh [VIDEO_ID] [flags of tasks/run.py, for each]
#
# Without VIDEO_ID: May, egs/datasets/videos/May/lm3d_nerf.yaml, lm3d_nerf_torso.yaml and lm3d_nerf_portrait.yaml.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 1 0
VIDEO_ID="$(argument 0 "${VIDEO_ID:-May}")"
for TASK in lm3d_nerf lm3d_nerf_torso lm3d_nerf_portrait; do
  recipe_for "$VIDEO_ID" "$TASK"
  "$PYTHON" tasks/run.py "${RECIPE[@]}" --exp_name="$VIDEO_ID/$TASK" ${FLAGS[@]+"${FLAGS[@]}"}
done
