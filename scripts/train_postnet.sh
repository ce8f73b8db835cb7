#!/usr/bin/env bash
# Train the step from anybody's landmarks to this person's.
#
#   bash scripts/train_postnet.sh [VIDEO_ID] [flags of tasks/run.py]
#
# Without VIDEO_ID: May, egs/datasets/videos/May/lm3d_postnet_sync.yaml -> checkpoints/May/lm3d_postnet_sync.
# Needs train_syncnet.sh and train_audio2motion.sh first.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 1 0
VIDEO_ID="$(argument 0 "${VIDEO_ID:-May}")"
NAME=postnet
if [[ -f "egs/datasets/videos/$VIDEO_ID/lm3d_postnet_sync.yaml" ]]; then
  NAME=lm3d_postnet_sync
fi
recipe_for "$VIDEO_ID" "$NAME"
exec "$PYTHON" tasks/run.py "${RECIPE[@]}" --exp_name="$VIDEO_ID/$NAME" ${FLAGS[@]+"${FLAGS[@]}"}
