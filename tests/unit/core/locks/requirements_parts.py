"""Requirements files as tests write them."""

from __future__ import annotations

from hublish.core.locks.lockfile import ParsedLock
from hublish.core.locks.requirements import parse_requirements

URL = "https://index.example.invalid/simple"


A, B = "a" * 64, "b" * 64


def parse(text: str | bytes, *, default_index: str = URL, path: str = "requirements.txt", **files: str) -> ParsedLock:
    bodies = {name.replace("__", "/").replace("_txt", ".txt"): body.encode() for name, body in files.items()}
    bodies[path] = text.encode() if isinstance(text, str) else text
    return parse_requirements(path, read=bodies.get, default_index=default_index)


def codes(parsed: ParsedLock) -> list[tuple[str, str]]:
    return [(found.place, found.code) for found in parsed.findings]
