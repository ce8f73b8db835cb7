#!/usr/bin/env bash
# Rebuild faces from photos or templates, with the cosine to the template in each file's name.
#
#   bash scripts/infer_template_to_face.sh SOURCE [RUN] [OUT] [--infer_aligned true] [--infer_recogniser FILE.onnx]
#
# SOURCE: a photo, a folder of photos, or templates as .npy, .csv or .b64. RUN: faces/template_decoder when not given.
# OUT: infer_out/RUN when not given. Read docs/template_to_face.md first: whose templates may be rebuilt, and whose not.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 1
SOURCE="$(from_caller "$(argument 0 "")")"
RUN="$(argument 1 faces/template_decoder)"
RUN="checkpoints/${RUN#checkpoints/}"
OUT="$(from_caller "$(argument 2 "$ROOT/infer_out/${RUN#checkpoints/}")")"
infer_with "$RUN" "template_decoder" \
  "Train it: python tasks/run.py --config=egs/datasets/faces/template_decoder.yaml --exp_name=${RUN#checkpoints/}" \
  "infer_source=$(quoted "$SOURCE")" "infer_out_dir=$(quoted "$OUT")"
