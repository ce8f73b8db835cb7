#!/usr/bin/env bash
# Show everything on a made presenter, on any machine: make the environment, make a video of a talking person from a
# public-domain portrait, process it as you would process your own, train the six tasks small, and let the presenter
# say a sentence that was not in the video. Six to twelve minutes on two cores after installation; Ctrl-C and the same
# command again goes on where it stopped.
#
#   bash scripts/demo.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
bash scripts/setup.sh
export VIZEME_OFFLINE=1 # the demo needs nothing from outside, and shows the same everywhere
expect 0 0

began=$SECONDS
step() { # number, what, minutes of this step, minutes left in all
  printf '\n== %s of 5: %s (about %s min; about %s min left in all)\n' "$1" "$2" "$3" "$4"
}

video=data/raw/videos/demo.mp4
sentence=data/raw/val_wavs/demo.wav
out=infer_out/demo/demo.mp4

step 1 "make the presenter's video" 1 12
if [[ -f "$video" && -f "$sentence" ]]; then
  echo "$video is there"
else
  "$PYTHON" data_gen/run.py demo --out "$video" --seconds 60 --size 256
fi

step 2 "process it as any video" 2 11
"$PYTHON" data_gen/run.py video --id demo --video "$video" --size 256 --landmarks dlib --parsing grabcut \
  --licence "public domain (NASA portrait, made speech)" --consent "a made presenter"

step 3 "train the six tasks, small" 8 9
"$PYTHON" tasks/talking_head.py train demo --preset demo

step 4 "say a sentence that the video does not hold" 1 1
"$PYTHON" tasks/talking_head.py infer demo "$sentence" "$out"

step 5 "draw a contact sheet" 0 0
"$PYTHON" utils/visualization/contact_sheet.py "$out" "${out%.mp4}.png" --every 6 --count 32

minutes=$(((SECONDS - began + 59) / 60))
cat <<END

Done in $minutes min.
  the presenter says a new sentence   $out
  its frames in one picture           ${out%.mp4}.png
  what was measured on the video      data/processed/videos/demo/report/report.md
  landmarks, curves, pictures         .venv/bin/tensorboard --logdir checkpoints/demo
Your own video: see README.md, "Your own video".
END
