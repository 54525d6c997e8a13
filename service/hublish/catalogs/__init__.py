"""Edits of a hub's image list: text in, text out, every other byte kept. Pure."""
