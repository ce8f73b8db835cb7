#!/usr/bin/env bash
# Draw the face of whoever speaks.
#
#   bash scripts/infer_wav2pix.sh SOURCE [RUN] [OUT] [flags of tasks/run.py]
#
# SOURCE: a sound of any format, or a folder of .wav. RUN: speakers/wav2pix when not given. OUT: infer_out/RUN.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 1
SOURCE="$(from_caller "$(argument 0 "")")"
RUN="$(argument 1 speakers/wav2pix)"
RUN="checkpoints/${RUN#checkpoints/}"
OUT="$(from_caller "$(argument 2 "$ROOT/infer_out/${RUN#checkpoints/}")")"
infer_with "$RUN" "wav2pix" \
  "Train it: python tasks/run.py --config=egs/datasets/speakers/wav2pix.yaml --exp_name=${RUN#checkpoints/}" \
  "infer_audio_source_name=$(quoted "$SOURCE")" "infer_out_dir=$(quoted "$OUT")"
