"""The table of tasks: a name in a recipe -> a class or its settings, imported only when they are used."""

from __future__ import annotations

from typing import Any

from utils.arguments import find
from utils.errors import ConfigError, nearest

TASKS: dict[str, tuple[str, str]] = {
    "syncnet": ("tasks.motion.syncnet:SyncNetTask", "do a mouth and a sound belong together?"),
    "lm3d_vae_sync": ("tasks.motion.lm3d_vae_sync:Lm3dVaeSyncTask", "speech to 3-D landmarks, any speaker"),
    "postnet": ("tasks.motion.postnet:PostnetTask", "landmarks of any speaker to the target person's"),
    "lm3d_nerf": ("tasks.renderer.lm3d_nerf:Lm3dNerfTask", "landmarks to the person's head"),
    "lm3d_nerf_torso": ("tasks.renderer.lm3d_nerf_torso:Lm3dNerfTorsoTask", "head and torso in one picture"),
    "lm3d_nerf_portrait": (
        "tasks.renderer.lm3d_nerf_portrait:Lm3dNerfPortraitTask",
        "the head's lower face, matched to the true frame",
    ),
    "geneface_nerf": (
        "tasks.renderer.geneface.nerf:GenefaceNerfTask",
        "GeneFace's NeRF with imported weights, to render",
    ),
    "geneface_radnerf": (
        "tasks.renderer.geneface.radnerf:GenefaceRadnerfTask",
        "GeneFace's RAD-NeRF with imported weights",
    ),
    "template_decoder": (
        "tasks.template_to_face.template_decoder:TemplateDecoderTask",
        "a face-recognition template to the face",
    ),
    "wav2pix": ("tasks.wav2pix.wav2pix:Wav2PixTask", "a voice to the speaker's face, adversarial"),
    "face_encoder": ("tasks.speech_to_face.face_encoder:FaceEncoderTask", "whose face is this? gives the face feature"),
    "face_decoder": (
        "tasks.speech_to_face.face_decoder:FaceDecoderTask",
        "face feature to landmarks, texture and face",
    ),
    "ve_conv": ("tasks.speech_to_face.ve_conv:VeConvTask", "voice to face feature, by convolutions"),
    "ve_ridge": ("tasks.speech_to_face.ve_ridge:VeRidgeTask", "voice to face feature, by what is measured of it"),
    "ve_ast": ("tasks.speech_to_face.ve_ast:VeAstTask", "voice to face feature, by a spectrogram transformer"),
}
"""Task name -> ("module:Class", one line of help)."""

SCHEMAS: dict[str, str] = {
    "syncnet": "tasks.motion.config:SyncNetConfig",
    "lm3d_vae_sync": "tasks.motion.config:Lm3dVaeSyncConfig",
    "postnet": "tasks.motion.postnet_config:PostnetConfig",
    "lm3d_nerf": "tasks.renderer.config:Lm3dNerfConfig",
    "lm3d_nerf_torso": "tasks.renderer.config:Lm3dNerfTorsoConfig",
    "lm3d_nerf_portrait": "tasks.renderer.config:Lm3dNerfPortraitConfig",
    "geneface_nerf": "tasks.renderer.geneface.config:GenefaceNerfConfig",
    "geneface_radnerf": "tasks.renderer.geneface.config:GenefaceRadnerfConfig",
    "template_decoder": "tasks.template_to_face.config:TemplateDecoderConfig",
    "wav2pix": "tasks.wav2pix.config:Wav2PixConfig",
    "face_encoder": "tasks.speech_to_face.config:FaceEncoderConfig",
    "face_decoder": "tasks.speech_to_face.config:FaceDecoderConfig",
    "ve_conv": "tasks.speech_to_face.config:VeConvConfig",
    "ve_ridge": "tasks.speech_to_face.config:VeRidgeConfig",
    "ve_ast": "tasks.speech_to_face.config:VeAstConfig",
}
"""Task name -> "module:Schema" of its settings, which need no torch: slips in a recipe are told at once."""

CHECKS: dict[str, str] = {
    "template_decoder": "tasks.template_to_face.check:TemplateCheck",
    "wav2pix": "tasks.wav2pix.check:Wav2PixCheck",
    "face_encoder": "tasks.speech_to_face.check:EncoderCheck",
    "face_decoder": "tasks.speech_to_face.check:DecoderCheck",
    "ve_conv": "tasks.speech_to_face.check:VoiceCheck",
    "ve_ridge": "tasks.speech_to_face.check:VoiceCheck",
    "ve_ast": "tasks.speech_to_face.check:VoiceCheck",
}
"""Task name -> "module:Class" of what judges its data and its runs; a talking head's are judged together."""


def task_class(name: str) -> type[Any]:
    """Import and return the task class called `name`.

    Raises:
        ConfigError: No task has that name; the nearest one is named.
    """
    if name not in TASKS:
        guess = nearest(name, TASKS)
        hint = f" Did you mean '{guess}'?" if guess else ""
        raise ConfigError(f"No task is called '{name}'.{hint} Known: {', '.join(TASKS)}.")
    return find(TASKS[name][0])


def schema_of(name: str) -> type[Any]:
    """Return the settings of the task called `name`, without importing the task.

    Raises:
        ConfigError: No task has that name; the nearest one is named.
    """
    return find(SCHEMAS[name]) if name in SCHEMAS else task_class(name).schema
