"""The small images that the cluster itself needs, made of single binaries, as archives that containerd imports.

Nothing is pulled: the names stand for no real registry, and what Kubernetes finds in containerd it does not ask for.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.binaries import TEKTON, BinariesMissing, find_binaries
from tests.cluster.places import find_cache_folder
from tests.sandbox.base_image import write_layout

NAME_ANNOTATION = "io.containerd.image.name"
TEKTON_IMAGES = ("entrypoint", "nop", "sidecarlogresults", "workingdirinit")
_NOBODY = "65532:65532"
_BUSYBOX = Path("/bin/busybox")
_APPLETS = (
    *("cat", "chmod", "cp", "cut", "date", "dd", "df", "env", "find", "grep", "head", "hostname", "id", "kill", "ln"),
    *("ls", "mkdir", "mktemp", "mv", "nc", "nslookup", "printenv", "ps", "pwd", "rm", "sed", "seq", "sh", "sha256sum"),
    *("sleep", "sort", "stat", "tail", "tar", "tee", "test", "touch", "tr", "true", "uname", "wc", "wget", "which"),
)
_PASSWD = b"root:x:0:0:root:/:/bin/sh\nuser:x:1000:0:user:/tmp:/bin/sh\n"
# The holder of a pod's namespaces waits for its end and takes in orphans, as PID 1 of a shell does.
_PAUSE = "trap exit TERM INT; while :; do sleep 3600 & wait; done"


def image_name(name: str) -> str:
    """The full name of an image that the lane imports."""
    return f"images.hublish.invalid/{name}:1"


def ensure_archives(tekton: Path) -> tuple[Path, ...]:
    """Make the images as OCI archives, or take them from the cache; returns their paths.

    Args:
        tekton: folder of the Tekton binaries.

    Raises:
        BinariesMissing: busybox is not there.
    """
    if not _BUSYBOX.is_file():
        raise BinariesMissing(f"{_BUSYBOX} is missing: apt-get install busybox-static")
    folder = _find_folder(tekton)
    names = ("busybox", "pause", "shell", *TEKTON_IMAGES)
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=find_cache_folder()) as staging:
            made = Path(staging) / "made"
            made.mkdir()
            _write_archives(made, tekton)
            made.rename(folder)
    return tuple(folder / f"{name}.tar" for name in names)


def find_archive(name: str) -> Path:
    """Where an image is once `ensure_archives` made it."""
    return _find_folder(find_binaries(TEKTON)) / f"{name}.tar"


def write_program_archive(folder: Path, name: str, *, program: str, script: str) -> Path:
    """Write an image of busybox with one program more, a script; it runs as a user without rights.

    Args:
        folder: gets the archive.
        name: short name of the image.
        program: what the script is called on PATH.
        script: begins with its interpreter.
    """
    busybox = _make_busybox({f"bin/{program}": script.encode()})
    return _write(folder, name, busybox, settings={"Cmd": ["/bin/sh"], "User": _NOBODY})


def _find_folder(tekton: Path) -> Path:
    recipe = hashlib.sha256(Path(__file__).read_bytes() + _BUSYBOX.read_bytes() + tekton.name.encode())
    return find_cache_folder() / f"cluster-images-{recipe.hexdigest()[:16]}"


def _write_archives(folder: Path, tekton: Path) -> None:
    busybox = _make_busybox()
    _write(folder, "busybox", busybox, settings={"Cmd": ["/bin/sh"]})
    _write(folder, "pause", busybox, settings={"Entrypoint": ["/bin/sh", "-c", _PAUSE], "User": _NOBODY})
    # Tekton's published images run as a user without rights; so do ours, or its restricted pods would be refused.
    _write(folder, "shell", busybox, settings={"Cmd": ["/bin/sh"], "User": _NOBODY})
    for name in TEKTON_IMAGES:
        tar = _make_tar({f"ko-app/{name}": (tekton / name).read_bytes()})
        _write(folder, name, tar, settings={"Cmd": None, "Entrypoint": [f"/ko-app/{name}"], "User": _NOBODY})


def _make_busybox(more: Mapping[str, bytes] | None = None) -> bytes:
    links = {f"bin/{applet}": "busybox" for applet in _APPLETS}
    content = {"bin/busybox": _BUSYBOX.read_bytes(), "etc/passwd": _PASSWD, **(more or {})}
    return _make_tar(content, links=links, folders={"home": 0o755, "tmp": 0o1777})


def _make_tar(
    files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None, folders: Mapping[str, int] | None = None
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        modes = {str(Path(path).parent): 0o755 for path in files} | dict(folders or {})
        for path, mode in sorted(modes.items()):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            archive.addfile(folder)
        for path, content in files.items():
            file = tarfile.TarInfo(path)
            file.size, file.mode = len(content), 0o644 if path.startswith("etc/") else 0o755
            archive.addfile(file, io.BytesIO(content))
        for path, target in (links or {}).items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return stream.getvalue()


def _write(folder: Path, name: str, tar: bytes, *, settings: Mapping[str, Any]) -> Path:
    target = folder / f"{name}.tar"
    with tempfile.TemporaryDirectory(dir=folder) as staging:
        layout = Path(staging) / "layout"
        write_layout(layout, tar, settings=settings, annotations={NAME_ANNOTATION: image_name(name)})
        partial = Path(staging) / "archive.tar"
        with tarfile.open(partial, mode="w") as archive:
            archive.add(layout, arcname=".")
        partial.rename(target)
    return target
