#!/usr/bin/env bash
# Step 1 of 2: a sound to the person's landmarks (.npy, [1, T, 204]).
#
#   bash scripts/infer_postnet.sh [VIDEO_ID] [AUDIO] [OUT.npy] [flags of tasks/run.py]
#
# Without arguments: May, data/raw/val_wavs/zozo.wav, infer_out/May/pred_lm3d/zozo.npy
# For example: bash scripts/infer_postnet.sh May speech.wav out.npy --infer_ckpt_steps=4000
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 0
VIDEO_ID="$(argument 0 "${VIDEO_ID:-May}")"
AUDIO="$(from_caller "$(argument 1 "$ROOT/data/raw/val_wavs/zozo.wav")")"
OUT="$(from_caller "$(argument 2 "$ROOT/infer_out/$VIDEO_ID/pred_lm3d/$(stem "$AUDIO").npy")")"
RUN="$(run_folder "$VIDEO_ID" lm3d_postnet_sync postnet)"
if [[ ! -f "$RUN/config.yaml" ]]; then
  echo "error: no trained postnet for $VIDEO_ID in $RUN. Train it: bash scripts/train_postnet.sh $VIDEO_ID" >&2
  exit 2
fi
exec "$PYTHON" tasks/run.py --config="$RUN/config.yaml" --exp_name="$RUN" \
  --hparams="infer_audio_source_name=$(quoted "$AUDIO"),infer_out_npy_name=$(quoted "$OUT")" --infer ${FLAGS[@]+"${FLAGS[@]}"}
