"""Installed trees as values: what wheels brought into an image, what uv makes of the same wheels, and what differs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pytest

VENV = "/opt/hublish/venv"
# Files that only one of the two writes, or with other words in them; each with the reason. Nothing else may differ.
ALLOWED: Mapping[str, str] = {
    "INSTALLER": "it names the program that installed",
    "REQUESTED": "uv says of every package of a list that a user asked for it; hublish cannot know and says it of none",
    "uv_cache.json": "uv's own note of when it made what it installed from",
    "RECORD": "it lists the files above; every other row of it is compared",
}
ALLOWED_PATHS: Mapping[str, str] = {
    ".lock": "uv locks its environments",
    "bin/pip3.11": "uv, like pip, names pip after each Python; hublish writes what the wheel's entry points say",
}
NOT_OF_WHEELS = ("hublish: virtual environment", "hublish: home", "hublish: source")


@dataclass(frozen=True)
class File:
    """A file of an installed tree: whether it can be executed, its content's hash, and the content where it is read."""

    executable: bool
    sha256: str
    content: bytes


def make_file(path: str, content: bytes, *, executable: bool) -> File:
    """Make the value of a file; hundreds of megabytes of modules are not held."""
    kept = content if ".dist-info/" in path else b""
    return File(executable=executable, sha256=hashlib.sha256(content).hexdigest(), content=kept)


def find_python() -> str:
    """The Python that the base has, on this machine."""
    found = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if found is None:
        pytest.skip("python3.11 is not installed")
    return found


def read_image(layout: Path) -> dict[str, File]:
    """The files that wheels brought into an image, by their path in the virtual environment."""
    blobs = layout / "blobs" / "sha256"

    def find(digest: str) -> Path:
        return blobs / digest.removeprefix("sha256:")

    [entry] = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(find(entry["digest"]).read_text())
    history = [line["created_by"] for line in json.loads(find(manifest["config"]["digest"]).read_text())["history"]]
    files: dict[str, File] = {}
    for line, layer in zip(history, manifest["layers"], strict=True):
        if not line.startswith("hublish: ") or line in NOT_OF_WHEELS:
            continue
        with tarfile.open(find(layer["digest"]), "r:gz") as archive:
            for member in archive:
                if member.isfile():
                    path = str(PurePosixPath("/" + member.name).relative_to(VENV))
                    body = archive.extractfile(member).read()
                    files[path] = make_file(path, body, executable=bool(member.mode & 0o100))
    return files


def sync_by_uv(wheels: Path, folder: Path) -> dict[str, File]:
    """Install wheels by uv, from requirements with their hashes; returns the files it added to a new environment."""
    uv = (str(Path(sys.executable).parent / "uv"), "--no-config", "--offline", "--cache-dir", str(folder / "cache"))
    venv = folder / "venv"
    lines = []
    for path in sorted(wheels.glob("*.whl")):
        name, version = path.name.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(lines))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "VIRTUAL_"))
    }
    options = ("--no-index", "--find-links", str(wheels), "--require-hashes", "--link-mode", "copy")
    before: set[str] = set()
    for command in (
        ("venv", "--quiet", "--python", find_python(), str(venv)),
        ("pip", "sync", "--quiet", "--python", str(venv / "bin" / "python"), *options, str(requirements)),
    ):
        done = subprocess.run(
            (*uv, *command), env=environment, capture_output=True, text=True, timeout=170, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        before = before or {str(path.relative_to(venv)) for path in venv.rglob("*")}
    # Scripts start with the interpreter of their own environment.
    own, images = str(venv / "bin" / "python").encode(), f"{VENV}/bin/python".encode()
    files: dict[str, File] = {}
    for path in venv.rglob("*"):
        name = str(path.relative_to(venv))
        if path.is_file() and not path.is_symlink() and name not in before:
            body = path.read_bytes()
            body = body.replace(own, images) if name.startswith("bin/") else body
            files[name] = make_file(name, body, executable=bool(path.stat().st_mode & 0o100))
    return files


def list_generated(files: Mapping[str, File]) -> Iterator[str]:
    """The scripts that installers make of entry points."""
    for path, file in files.items():
        if path.endswith(".dist-info/entry_points.txt"):
            section = ""
            for line in file.content.decode().splitlines():
                section = line.strip() if line.startswith("[") else section
                if "=" in line and section in {"[console_scripts]", "[gui_scripts]"}:
                    yield f"bin/{line.partition('=')[0].strip()}"


def is_allowed(path: str) -> bool:
    """Tell whether a file may differ; byte-code hublish compiles in a form of its own, and uv not at all."""
    parts = PurePosixPath(path)
    return (
        path in ALLOWED_PATHS
        or (parts.parent.name.endswith(".dist-info") and parts.name in ALLOWED)
        or parts.parent.name == "__pycache__"
    )


def read_record(path: str, content: bytes) -> set[tuple[str, ...]]:
    """The rows of a RECORD but for files that may differ, with paths from the environment's top."""
    rows = csv.reader(io.StringIO(content.decode(), newline=""))
    folder = PurePosixPath(path).parent.parent
    located = ((normpath(f"{folder}/{row[0]}"), *row[1:]) for row in rows)
    return {row for row in located if not is_allowed(row[0]) and not row[0].startswith("bin/")}


def compare_with_uv(layout: Path, *, cache: Path, folder: Path) -> tuple[dict[str, File], list[str]]:
    """Compare an image with what uv makes of the wheels that its build fetched.

    Args:
        layout: of the image.
        cache: that the image was built with; it holds no other wheels.
        folder: where uv works.

    Returns:
        The image's files, and what differs and may not.
    """
    folder.mkdir()
    wheels = folder / "wheels"
    wheels.mkdir()
    for path in cache.rglob("*.whl"):
        shutil.copy(path, wheels)
    ours = read_image(layout)
    theirs = sync_by_uv(wheels, folder)
    return ours, compare(ours, theirs)


def compare(ours: Mapping[str, File], theirs: Mapping[str, File]) -> list[str]:
    """List what differs and may not."""
    generated = {*list_generated(ours), *list_generated(theirs)}
    faults = []
    for path in sorted(ours.keys() | theirs.keys()):
        if is_allowed(path):
            continue
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            faults.append(f"{path}: only {'uv' if one is None else 'hublish'} has it")
        elif one.executable != other.executable:
            faults.append(f"{path}: {one.executable} here, {other.executable} by uv")
        elif path not in generated and one.sha256 != other.sha256:
            faults.append(f"{path}: other content")
    faults += [
        f"{path}: other rows: {sorted(rows)}"
        for path, file in ours.items()
        if path.endswith(".dist-info/RECORD")
        and (rows := read_record(path, file.content) ^ read_record(path, theirs[path].content))
    ]
    return faults
