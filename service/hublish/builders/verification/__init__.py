"""Proof of an image: rebuilt from its lock and compared, layer by layer."""
