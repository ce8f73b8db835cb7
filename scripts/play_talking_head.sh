#!/usr/bin/env bash
# Watch a trained person speak while it is drawn: a page on this machine (127.0.0.1), no file, no waiting.
#
#   bash scripts/play_talking_head.sh VIDEO_ID [AUDIO] [--port N] [--renderer lm3d_nerf] [--set NAME=VALUE]
#
#   --set infer_scale_factor=0.5     half the size, where the machine draws fewer than 25 frames a second
#   --set infer_bg_img_fname=green   a colour or a picture behind the person
# Open the whole address that it prints: the key in it lets you in, and no other user of this machine. Other sounds can be
# sent to the page. Ctrl-C ends it.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 2 1
AUDIO=()
if [[ ${#POSITIONAL[@]} -gt 1 ]]; then AUDIO=("$(from_caller "${POSITIONAL[1]}")"); fi
exec "$PYTHON" tasks/talking_head.py play "${POSITIONAL[0]}" ${AUDIO[@]+"${AUDIO[@]}"} ${FLAGS[@]+"${FLAGS[@]}"}
