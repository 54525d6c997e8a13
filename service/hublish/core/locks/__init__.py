"""Locks: one value, read from Pipfile.lock, requirements.txt and pylock.toml."""
