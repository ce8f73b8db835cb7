#!/usr/bin/env bash
# Train a talking head: six tasks, each skipped when it is done; without a GPU what moves the face beside what draws it.
#
#   bash scripts/train_talking_head.sh VIDEO_ID [--preset person|person_small|demo] [--set [TASK.]NAME=VALUE] [--reset]
#
# The video must be processed first: python data_gen/run.py video --id VIDEO_ID --video FILE
#   --preset person        a GPU, or a night (default; the second time, the one of the first)
#   --preset person_small  two CPU cores, under an hour
#   --audio_feature mel    which speech feature (as before, or the first of whisper:3-5, whisper, ear, mel that the dataset has)
#   --set lr=1.0e-4        a setting, for every task that has it; --set lm3d_nerf.lr=1.0e-4 for one
# Stop it with Ctrl-C; the same command goes on.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
expect 1 1
exec "$PYTHON" tasks/talking_head.py train "${POSITIONAL[@]}" ${FLAGS[@]+"${FLAGS[@]}"}
