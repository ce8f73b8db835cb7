#!/usr/bin/env bash
# A voice to the face that belongs to it: any sound of any length.
#
#   bash scripts/infer_speech_to_face.sh AUDIO OUT.png [RUN] [flags of tasks/run.py]
#
# RUN is a trained ve_conv, ve_ast or ve_ridge, for example checkpoints/demo/ve_ridge; without it, the first of
# checkpoints/face_voice/{ve_conv,ve_ast,ve_ridge} and checkpoints/demo/{ve_ridge,ve_conv} that is there.
# For example: bash scripts/infer_speech_to_face.sh voice.wav face.png demo/ve_ridge --infer_max_windows=5
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 2
AUDIO="$(from_caller "$(argument 0 "")")"
OUT="$(from_caller "$(argument 1 "")")"
RUN="$(argument 2 "$(run_folder face_voice ve_conv ve_ast ve_ridge ../demo/ve_ridge ../demo/ve_conv)")"
[[ "$RUN" == /* ]] || RUN="checkpoints/${RUN#checkpoints/}"
infer_with "$RUN" "voice encoder" \
  "Train one: docs/speech_to_face.md tells how." \
  "infer_audio_source_name=$(quoted "$AUDIO")" "infer_out_image_name=$(quoted "$OUT")"
