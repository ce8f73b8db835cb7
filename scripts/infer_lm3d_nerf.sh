#!/usr/bin/env bash
# Step 2 of 2: landmarks (.npy of infer_postnet.sh) to a video with sound.
#
#   bash scripts/infer_lm3d_nerf.sh [VIDEO_ID] [AUDIO] [OUT.mp4] [flags of tasks/run.py]
#
# Reads infer_out/VIDEO_ID/pred_lm3d/<name of AUDIO>.npy; another one: --infer_cond_name=landmarks.npy
# Without arguments: May, data/raw/val_wavs/zozo.wav, infer_out/May/pred_video/zozo_lm3d_nerf.mp4
# For example: bash scripts/infer_lm3d_nerf.sh May speech.wav out.mp4 --infer_scale_factor=0.5
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 3 0
VIDEO_ID="$(argument 0 "${VIDEO_ID:-May}")"
AUDIO="$(from_caller "$(argument 1 "$ROOT/data/raw/val_wavs/zozo.wav")")"
NAME="$(stem "$AUDIO")"
OUT="$(from_caller "$(argument 2 "$ROOT/infer_out/$VIDEO_ID/pred_video/${NAME}_lm3d_nerf.mp4")")"
COND="$ROOT/infer_out/$VIDEO_ID/pred_lm3d/$NAME.npy"
# A portrait shows the footage's own frames; what asks for another pose or background needs the torso.
case "${FLAGS[*]-}" in
  *infer_compose=* | *infer_bg_img_fname* | *infer_c2w_name* | *infer_pose_mode*) FIRST=lm3d_nerf_torso ;;
  *) FIRST=lm3d_nerf_portrait ;;
esac
RUN="$(run_folder "$VIDEO_ID" "$FIRST" lm3d_nerf_torso lm3d_nerf lm3d_radnerf_torso lm3d_radnerf)"
if [[ ! -f "$RUN/config.yaml" ]]; then
  echo "error: no trained renderer for $VIDEO_ID in $RUN. Train it: bash scripts/train_nerf.sh $VIDEO_ID" >&2
  exit 2
fi
SETTINGS="infer_audio_source_name=$(quoted "$AUDIO"),infer_cond_name=$(quoted "$COND")"
SETTINGS+=",infer_out_video_name=$(quoted "$OUT")"
exec "$PYTHON" tasks/run.py --config="$RUN/config.yaml" --exp_name="$RUN" --hparams="$SETTINGS" --infer ${FLAGS[@]+"${FLAGS[@]}"}
