#!/usr/bin/env bash
# Make a trained person say a sound: any format, any length.
#
#   bash scripts/infer_talking_head.sh VIDEO_ID AUDIO OUT.mp4 [--steps best|last|N] [--device auto|cpu|cuda|mps]
#                                      [--seed N] [--set NAME=VALUE]
#
#   --renderer lm3d_nerf    the head over the footage's own torso: sharper clothes than the rendered torso
#   --set infer_inject_eye_blink_mode=period   blink every few seconds instead of as in the footage
#   --set infer_scale_factor=0.5               half the size, and faster
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 3
exec "$PYTHON" tasks/talking_head.py infer "${POSITIONAL[0]}" "$(from_caller "${POSITIONAL[1]}")" \
  "$(from_caller "${POSITIONAL[2]}")" ${FLAGS[@]+"${FLAGS[@]}"}
