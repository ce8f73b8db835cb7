"""What people who come from other projects type, and what that is called here: `docs/coming_from.md` in a table.

A name is written as its flag with underscores. Its answer is a setting or flag that is here, or a few plain words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

EPOCHS = "updates are counted here: --max_updates = epochs x samples / batch_size"
IMPORT = "import the file, then train with the --config of the imported run: python tasks/import_checkpoint.py FILE"
OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    "": {
        "gpu": "--trainer.accelerator=gpu or cpu; which GPU it is, says CUDA_VISIBLE_DEVICES",
        "device": "--trainer.accelerator=gpu or cpu; which GPU it is, says CUDA_VISIBLE_DEVICES",
        "num_epochs": EPOCHS,
        "epochs": EPOCHS,
        "save_path": "--exp_name of a training, --infer_out_image_name or --infer_out_dir of a picture",
    },
    "GeneFace": {
        "remove": "no command deletes a run: --reset sets it aside",
        "work_dir": "--exp_name",
        "amp": "--precision=bf16",
        "scheduler": "the schedule is the task's own; --lr is where it begins",
        "ds_workers": "--num_workers",
        "max_sentences": "--batch_size",
        "audio_type": "--audio_feature",
        "use_pitch": "--pitch",
        "valid_infer_interval": "--val_check_interval",
        "save_best": "the best checkpoint is always kept, besides --num_ckpt_keep",
        "num_sanity_val_steps": "--validate",
        "resume_from_checkpoint": "the same command goes on where it was",
        "clip_grad_value": "--clip_grad_norm",
        "lambda_kl": "--weights.kl",
        "postnet_lambda_adv": "--weights.adv",
        "postnet_lambda_sync": "--weights.sync",
        "postnet_lambda_mse": "--weights.mse",
        "lambda_lpips_loss": "--weights.perceptual",
        "lambda_weights_entropy": "--weights.entropy",
        "raw_data_dir": "--video of data_gen/run.py video",
        "processed_data_dir": "--binary_data_dir",
        "infer_pose_smooth_sigma": "--infer_smooth_camera_path_kernel_size",
    },
    "Speech-to-face": {
        "train_dataset_path": "--binary_data_dir: one folder with training and validation",
        "val_dataset_path": "--binary_data_dir: one folder with training and validation",
        "face_encoder_model": "--face_encoder",
        "face_encoder_weights_path": "--face_encoder",
        "face_decoder_weights_path": "--face_decoder_work_dir",
        "face_decoder_path": "--face_decoder_work_dir",
        "save_folder_path": "--exp_name",
        "learning_rate": "--lr",
        "learning_rate_fine_tune": "--lr_fine_tune",
        "unfreeze_number": "--fine_tune_layers: blocks, counted from the last",
        "early_stopping": "--early_stopping_patience=5; 0 is off",
        "dataloader_type": "--pairing",
        "continue_training_path": "the same command goes on where it was; a file of theirs is imported first",
        "audio_file_path": "--infer_audio_source_name",
        "image_file_path": "--infer_image",
        "voice_encoder_path": "--exp_name of the voice encoder's run",
        "ve_path": "--exp_name of the voice encoder's run",
        "ast_path": "--exp_name of the voice encoder's run",
        "data_dir": "--persons",
        "dataset_path": "--persons",
        "save_dir": "--out",
        "train_size": "--val and --test: what is not for training",
        "audio_length": "--audio_seconds of the training",
        "num_threads": "--workers",
        "backend_weights_path": "--face_encoder of the training",
    },
    "rbh24": {
        "crop_size": "--network: naive and large make 128 pixels, fr and light 112",
        "latent_space_dims": "the width is that of the data's templates",
        "max_lr": "--lr",
        "max_grad_norm": "--clip_grad_norm",
        "perception_net_name": "--perceptor",
        "perceptual_loss_weight": "--weights.perceptual",
        "laplace_loss_weight": "--weights.laplace",
        "mse_loss_weight": "--weights.pixel",
        "use_discriminator": "--weights.adv above 0",
        "discr_weight": "--weights.adv",
        "grad_accum_batches": "--accumulate_grad_batches",
        "train_in_fp16": "--precision=bf16",
        "visualize_control_samples": "--control_samples",
        "run_name": "--exp_name",
        "model_name": "--exp_name",
        "pretrained_checkpoint": IMPORT,
        "max_ids": "--eval_per_identity: photos of a person",
    },
    "wav2pix": {
        "vis_screen": "no server is spoken to: curves and pictures are in TensorBoard",
    },
}
"""Project, "" for all of them -> name there -> what it is here."""
_ANSWERS = {name: text for names in OTHER_NAMES.values() for name, text in names.items()}


def other_name(typed: str, here: Collection[str] = ()) -> str | None:
    """Answer a name of another project, with or without dashes in front and inside; None when it is not known.

    Args:
        here: Settings that are here: one that is only written with dashes there is answered, too.
    """
    name = typed.lstrip("-").replace("-", "_")
    text = f"--{name}" if name in here and "-" in typed.lstrip("-") else _ANSWERS.get(name)
    if text is None:
        return None
    return f"{typed} is here {text}" if text.startswith("--") else f"{typed}: {text}"
