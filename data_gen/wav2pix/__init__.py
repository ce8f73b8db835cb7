"""Faces and the voices they belong to: what `wav2pix` learns from."""
