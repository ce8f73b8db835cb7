#!/usr/bin/env bash
# Open the studio: a page on this machine (127.0.0.1) that leads from a video to a speaking person.
#
#   bash scripts/studio.sh [--port N]
#
# Open the whole address that it prints: the key in it lets you in, and no other user of this machine. Ctrl-C ends it; what
# it began (processing, training, films) goes on, and is found again when it starts.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 0 0
exec "$PYTHON" tasks/talking_head.py studio ${FLAGS[@]+"${FLAGS[@]}"}
