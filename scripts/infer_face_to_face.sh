#!/usr/bin/env bash
# A photograph (any size, turned any way its EXIF says) to the same person's frontal face; or a folder of them.
#
#   bash scripts/infer_face_to_face.sh IMAGE OUT.png [RUN] [flags of tasks/run.py]
#
# RUN is a trained face_decoder, for example checkpoints/demo/face_decoder; without it,
# checkpoints/face_voice/face_decoder or checkpoints/demo/face_decoder. When IMAGE is a folder, so is OUT.png.
# For example: bash scripts/infer_face_to_face.sh photo.jpg face.png demo/face_decoder --infer_detector=dlib
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 2
IMAGE="$(from_caller "$(argument 0 "")")"
OUT="$(from_caller "$(argument 1 "")")"
RUN="$(argument 2 "$(run_folder face_voice face_decoder ../demo/face_decoder)")"
[[ "$RUN" == /* ]] || RUN="checkpoints/${RUN#checkpoints/}"
infer_with "$RUN" "face decoder" \
  "Train one: docs/speech_to_face.md tells how." \
  "infer_image=$(quoted "$IMAGE")" "infer_out_image_name=$(quoted "$OUT")"
