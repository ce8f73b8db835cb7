#!/usr/bin/env bash
# Train audio-to-landmarks: on a corpus of many speakers (LRS3), or on one person's processed video.
#
#   bash scripts/train_audio2motion.sh [VIDEO_ID] [flags of tasks/run.py]
#
# Without VIDEO_ID: egs/datasets/lrs3/lm3d_vae_sync.yaml -> checkpoints/lrs3/lm3d_vae_sync. Needs train_syncnet.sh first.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 1 0
if [[ ${#POSITIONAL[@]} -eq 0 ]]; then
  exec "$PYTHON" tasks/run.py --config=egs/datasets/lrs3/lm3d_vae_sync.yaml --exp_name=lrs3/lm3d_vae_sync ${FLAGS[@]+"${FLAGS[@]}"}
fi
recipe_for "${POSITIONAL[0]}" lm3d_vae_sync
exec "$PYTHON" tasks/run.py "${RECIPE[@]}" --exp_name="${POSITIONAL[0]}/lm3d_vae_sync" ${FLAGS[@]+"${FLAGS[@]}"}
