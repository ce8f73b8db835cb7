"""Aligned faces and their templates: what `template_decoder` learns from."""
