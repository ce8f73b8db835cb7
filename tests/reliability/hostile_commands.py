"""Wrong command lines, one a line; the words are what follows the command."""

from __future__ import annotations

NOTHING = "(nothing)"


def _lines(text: str) -> list[str]:
    return ["" if line == NOTHING else line for line in text.strip().splitlines()]


SLIPS: dict[str, list[str]] = {
    "run": _lines("""
--exp_name=x
--config
--config=
--config=egs
--config=egs/none.yaml
train
--list=all
--config=egs/datasets/demo/syncnet.yaml
--config=egs/datasets/demo/syncnet.yaml --exp_name=.
--config=egs/datasets/demo/syncnet.yaml --exp_name=..
--config=egs/datasets/demo/syncnet.yaml --exp_name=/
--config=egs/datasets/demo/syncnet.yaml --exp_name=none/x --infer
--config=egs/datasets/demo/syncnet.yaml --exp_name=none/x --validate
--config=egs/datasets/demo/syncnet.yaml --exp_name=none/x --evaluate
--config=egs/datasets/demo/syncnet.yaml --exp_name=made/syncnet --evaluate
--config=egs/datasets/demo/syncnet.yaml --exp_name=made/syncnet --evaluate --steps=soon
--config=egs/datasets/demo/syncnet.yaml --exp_name=made/syncnet --validate --steps=99
--config=egs/datasets/demo/syncnet.yaml --exp_name=made/syncnet --debug=slow
--config=egs/datasets/demo/syncnet.yaml --exp_name=none/x --video_id=../../etc
--config=egs/datasets/demo/syncnet.yaml --exp_name=none/x --binary_data_dir=/none
"""),
    "data_gen": _lines("""
vidoe
--id x
video
video --id a
video --video a.mp4
video --id a --video none.mp4
video --id ../a --video voice.wav
video --id . --video voice.wav
video --id a/b --video voice.wav
video --id -a --video voice.wav
video --id= --video voice.wav
video --id a --video .
video --id a --video voice.wav
video --id a --video voice.wav --size nan
video --id a --video voice.wav --size 0
video --id a --video voice.wav --size 100000000000
video --id a --video voice.wav --size -32
video --id a --video voice.wav --start_s nan
video --id a --video voice.wav --start_s inf
video --id a --video voice.wav --duration_s nan
video --id a --video voice.wav --duration_s -5
video --id a --video voice.wav --landmarks best
video --id a --video voice.wav --redo all
video --id a --video voice.wav --audio_features whisper:9-1
video --id a --video voice.wav --audio_features a,b
demo --seconds nan --out o.mp4
demo --seconds -1 --out o.mp4
demo --seconds 0 --out o.mp4
demo --seconds inf --out o.mp4
demo --size 63 --out o.mp4
demo --size -64 --out o.mp4
demo --size 100000 --out o.mp4
demo --seed -1 --out o.mp4
demo --identity -1 --out o.mp4
demo --out .
demo --out voice.wav/x/o.mp4
clips --out o
clips --videos none --out o
clips --videos empty --out o
clips --videos voice.wav --out o
clips --videos empty --out o --cut_seconds nan
clips --videos empty --out o --workers -1
clips --videos empty --out o --per_shard 0
clips --videos empty --out o --audio_features ,
clips --videos empty --out o --audio_features loud
clips --videos empty --out o --detector best
templates --faces none --out o
templates --faces empty --out o
templates --faces faces --out o --recogniser x
templates --faces faces --out o --recogniser none.onnx
templates --faces faces --out o --recogniser voice.wav
templates --faces faces --out o --recogniser rubbish.onnx --aligned
templates --faces faces --out o --recogniser little.onnx --aligned --per_shard 0
templates --faces faces --out o --recogniser little.onnx --aligned --per_shard -3
templates --faces faces --out o --recogniser little.onnx --aligned --val_identities 99
templates --faces faces --out o --recogniser little.onnx --aligned --workers -2
templates --faces faces --out o --recogniser little.onnx --detector best
wav2pix --pairs none --out o
wav2pix --pairs empty --out o
wav2pix --pairs voice.wav --out o
wav2pix --pairs speakers --out o --seconds nan
wav2pix --pairs speakers --out o --seconds -1
wav2pix --pairs speakers --out o --seconds 0
wav2pix --pairs speakers --out o --seconds inf
wav2pix --pairs speakers --out o --seconds 1e9
wav2pix --pairs speakers --out o --image_size 0
wav2pix --pairs speakers --out o --image_size -5
wav2pix --pairs speakers --out o --image_size 1000000
face_voice --out o
face_voice --out o --persons none
face_voice --out o --persons empty
face_voice --out o --persons voice.wav
face_voice --out o --made -1
face_voice --out o --made 0
face_voice --out o --made x
face_voice --out o --made 2 --val nan
face_voice --out o --made 2 --val -1
face_voice --out o --made 2 --val 0.9 --test 0.9
face_voice --out o --made 2 --per_shard 0
face_voice --out o --made 2 --workers -1
face_voice --out o --made 2 --seed -1
face_voice --out o --persons speakers --max_seconds nan
face_voice --out o --persons speakers --max_clips -1
face_voice --out o --persons speakers --labels none.csv
face_voice --out o --persons speakers --detector best
check
check --id made
adapt
adapt none none o
adapt empty empty o
apply none.safetensors voice.wav o.npy
apply voice.wav t.csv o.npy
"""),
    "talking_head": _lines("""
(nothing)
sing made
infer
infer made voice.wav
infer none voice.wav o.mp4
infer made none.wav o.mp4
infer made voice.wav o.avi
infer made voice.wav o
infer made voice.wav .
infer made . o.mp4
infer made voice.wav empty/../voice.wav/o.mp4
infer made voice.wav o.mp4 --steps soon
infer made voice.wav o.mp4 --steps 99
infer made voice.wav o.mp4 --steps -1
infer made voice.wav o.mp4 --device gpu9
infer made voice.wav o.mp4 --device cuda:99
infer made voice.wav o.mp4 --seed x
infer made voice.wav o.mp4 --seed -1
infer made voice.wav o.mp4 --seed 99999999999999999999
infer made voice.wav o.mp4 --set x
infer made voice.wav o.mp4 --set x=1
infer made voice.wav o.mp4 --set infer_scale_factor=nan
infer made voice.wav o.mp4 --set infer_scale_factor=0
infer made voice.wav o.mp4 --set infer_scale_factor=-1
infer made voice.wav o.mp4 --set infer_scale_factor=1e9
infer made voice.wav o.mp4 --set infer_scale_factor=.inf
infer made voice.wav o.mp4 --set infer_scale_factor=1e-9
infer made voice.wav o.mp4 --set infer_temperature=nan
infer made voice.wav o.mp4 --set infer_temperature=-1
infer made voice.wav o.mp4 --set infer_bg_img_fname=none.png
infer made voice.wav o.mp4 --set infer_bg_img_fname=voice.wav
infer made voice.wav o.mp4 --set infer_bg_img_fname=#12345
infer made voice.wav o.mp4 --set infer_c2w_name=none.npy
infer made voice.wav o.mp4 --set infer_c2w_name=voice.wav
infer made voice.wav o.mp4 --set infer_pose_mode=dance
infer made voice.wav o.mp4 --set infer_pose_mode=still --set infer_still_frame_idx=9999
infer made voice.wav o.mp4 --set infer_smooth_camera_path_kernel_size=0
infer made voice.wav o.mp4 --set n_samples_per_ray=999999999999999999
infer made voice.wav o.mp4 --set video_id=none
infer made voice.wav o.mp4 --infer_scale_factor=0
infer made voice.wav o.mp4 --infer_scale=2
infer made voice.wav o.mp4 --renderer lm3d_nrf
infer made voice.wav o.mp4 p.mp4
infer made voice.wav o.mp4 --set
check
check none
check ../../etc
check made --steps soon
check made --frames -1
check made --steps 99 --frames 0 --out .
play none
play made none.wav
play made --port 99999999
play made --port -1
play made --port x
play made --max_upload_mb 0
play made --max_upload_mb nan
play made --max_upload_mb inf
evaluate none
evaluate made --frames x
evaluate made --frames 0
evaluate made --infer_mouth_gain=-1
evaluate made --frames -3
train none
train made --preset best
train made --set x
train made --set lr=nan
train made --set x.lr=1
train made --audio_feature loud
train ../made
train made --binary_data_dir none
"""),
    "import": _lines("""
(nothing)
none.ckpt
empty
voice.wav
rubbish.onnx
faces
/dev/null
little.onnx --source nobody
little.onnx --exp_name=
a b
checkpoints/made/syncnet/none
faces/person0/0.png
landmarks.npy
"""),
    "export": _lines("""
(nothing)
none/x
made/syncnet --steps soon
made/syncnet --steps 99
made/syncnet --format tar
made/syncnet --format onnx --weights raw
made/lm3d_nerf --format onnx
made/syncnet --format onnx
none/x --format onnx
voice.wav
empty
made/syncnet --out empty
made/syncnet --out voice.wav/x.safetensors
"""),
    "contact_sheet": _lines("""
(nothing)
none.mp4 o.png
voice.wav o.png
film.mp4 o.jpg
film.mp4 o
film.mp4 .
film.mp4 o.png --start 99999
film.mp4 o.png --start -1
film.mp4 o.png --size 0
film.mp4 o.png --size -5
film.mp4 o.png --columns 0
film.mp4 o.png --columns -1
film.mp4 o.png --count x
film.mp4 o.png --every 0
film.mp4 o.png --count -1
film.mp4 o.png --size 100000000
"""),
    "lm_visualizer": _lines("""
(nothing)
--npy_name none.npy --audio_name= --out_path o.mp4
--npy_name voice.wav --audio_name= --out_path o.mp4
--npy_name landmarks.npy --audio_name none.wav --out_path o.mp4
--npy_name landmarks.npy --audio_name landmarks.npy --out_path o.mp4
--npy_name landmarks.npy --audio_name= --out_path o.mp4 --size 0
--npy_name landmarks.npy --audio_name= --out_path o.mp4 --size 1000000000
--npy_name landmarks.npy --audio_name= --out_path o.mp4 --labels a b
--npy_name landmarks.npy --audio_name= --out_path voice.wav/o.mp4
--npy_name . --audio_name= --out_path o.mp4
--npy_name
--colour
"""),
}
"""Command -> wrong lines."""
