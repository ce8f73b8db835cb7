"""Which foreign checkpoints are known, in words: what `--list` prints needs no torch."""

from __future__ import annotations

from utils.errors import ConfigError, nearest

KNOWN: dict[str, tuple[str, str]] = {
    "vizeme/export": ("", "what tasks/export_checkpoint.py wrote, of any task"),
    "geneface/syncnet": ("syncnet", "does a mouth go with a sound; HuBERT, many speakers"),
    "geneface/lm3d_vae_sync": ("lm3d_vae_sync", "speech to landmarks of anybody, with or without pitch"),
    "geneface/postnet": ("postnet", "landmarks of anybody to one person's, with the speech network inside"),
    "geneface/lm3d_radnerf": ("geneface_radnerf", "landmarks (or speech: radnerf) to a head, RAD-NeRF"),
    "geneface/lm3d_radnerf_torso": ("geneface_radnerf", "landmarks to a head with a torso, RAD-NeRF"),
    "geneface/lm3d_nerf": ("geneface_nerf", "landmarks to a head, vanilla NeRF"),
    "geneface/adnerf": ("geneface_nerf", "speech to a head, vanilla NeRF (AD-NeRF)"),
    "geneface/lm3d_nerf_torso": ("geneface_nerf", "landmarks to a head with a torso, two vanilla NeRFs"),
    "geneface/adnerf_torso": ("geneface_nerf", "speech to a head with a torso, two vanilla NeRFs (AD-NeRF)"),
    "speech2face/ve_conv": ("ve_conv", "voice to face feature, by convolutions"),
    "speech2face/ast": ("ve_ast", "voice to face feature, by a transformer"),
    "speech2face/face_decoder": ("face_decoder", "face feature to landmarks and face"),
    "speech2face/vgg_face": ("face_encoder", "VGG-Face, PyTorch, linear or convolutional at its end"),
    "speech2face/vgg_face_mended": ("face_encoder", "the same, with the rows of fc6 mended; only by --source"),
    "speech2face/vgg_face_keras": ("face_encoder", "VGG-Face, Keras .h5"),
    "rbh24/decoder": ("template_decoder", "template of buffalo_l to a face: naive, large or FR"),
    "rbh24/decoder_onnx": ("template_decoder", "the same from ONNX"),
    "rbh24/iresnet50": ("face_encoder", "InsightFace's IResNet-50 (backbone.pth)"),
    "wav2pix/generator": ("wav2pix", "a voice to its speaker's face, 64 or 128 pixels; takes disc_*.pth along"),
    "wav2pix/discriminator": ("wav2pix", "its discriminator; import the generator beside it"),
}
"""Source -> (task of this project that it becomes, what it is)."""


def refuse_unknown(name: str) -> None:
    """Refuse a source that is none.

    Raises:
        ConfigError: With the nearest name.
    """
    if name not in KNOWN:
        guess = nearest(name, KNOWN)
        hint = f" Did you mean {guess}?" if guess else ""
        raise ConfigError(f"No source is called '{name}'.{hint} Known: {', '.join(KNOWN)}.")
