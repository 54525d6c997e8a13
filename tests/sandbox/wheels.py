"""Wheels and locks made from nothing: deterministic, small, and named so that no real project is meant.

`make_wheel` writes a wheel, `make_lock` a Pipfile with its lock. Both are used by the package index of the sandbox.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Collection, Mapping, Sequence

import plette
from packaging.utils import canonicalize_name

PLACEHOLDER_SOURCE = "https://index.example.invalid/simple"
PLACEHOLDER_HOST = "index.example.invalid"
# What a notebook image must hold; versions are invented, the bytes are ours. "pip" is here so that no real pip is needed.
NOTEBOOK_PACKAGES: Mapping[str, str] = {"jupyterhub": "5.3.0", "jupyterlab": "4.4.0", "pip": "25.2"}
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def wheel_filename(name: str, version: str, *, tag: str = "py3-none-any") -> str:
    """The file name of a wheel, by the binary distribution format."""
    return f"{canonicalize_name(name).replace('-', '_')}-{version}-{tag}.whl"


def make_wheel(
    name: str,
    version: str,
    files: Mapping[str, str | bytes] | None = None,
    *,
    requires: Sequence[str] = (),
    scripts: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    requires_python: str | None = None,
    executable: Collection[str] = (),
) -> bytes:
    """Make a wheel: the same arguments give the same bytes.

    Args:
        name: project name as written; normalised for file names.
        version: exact version.
        files: path -> content; None makes one module that holds `__version__` and a `main` that prints it.
        requires: `Requires-Dist` lines.
        scripts: console script -> "module:function".
        tag: compatibility tag of the file name.
        requires_python: `Requires-Python`, or None.
        executable: files with the executable bit.
    """
    module = canonicalize_name(name).replace("-", "_")
    default = {f"{module}/__init__.py": f'__version__ = "{version}"\n\n\ndef main():\n    print(__version__)\n'}
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    metadata += "" if requires_python is None else f"Requires-Python: {requires_python}\n"
    members: dict[str, str | bytes] = dict(default if files is None else files)
    members[f"{info}/METADATA"] = metadata
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: sandbox\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if scripts:
        lines = "".join(f"{script} = {target}\n" for script, target in scripts.items())
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    return _zip_with_record(members, record=f"{info}/RECORD", executable=executable)


def _zip_with_record(members: Mapping[str, str | bytes], *, record: str, executable: Collection[str]) -> bytes:
    rows = []
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for path, content in members.items():
            raw = content.encode() if isinstance(content, str) else content
            digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(raw)}\n")
            _write_member(archive, path, raw, mode=0o755 if path in executable else 0o644)
        _write_member(archive, record, ("".join(rows) + f"{record},,\n").encode(), mode=0o644)
    return body.getvalue()


def _write_member(archive: zipfile.ZipFile, path: str, raw: bytes, *, mode: int) -> None:
    info = zipfile.ZipInfo(path, _ZIP_TIME)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, raw, compresslevel=6)


def make_lock(
    packages: Mapping[str, str],
    *,
    hashes: Mapping[str, Sequence[str]],
    develop: Mapping[str, str] | None = None,
    python_version: str | None = "3.11",
    markers: Mapping[str, str] | None = None,
    source: str = PLACEHOLDER_SOURCE,
) -> tuple[str, str]:
    """Make the texts of a Pipfile and of the Pipfile.lock that pipenv would accept for it.

    Returns:
        (Pipfile, Pipfile.lock); the lock's content hash fits the Pipfile.
    """
    pipfile = f'[[source]]\nurl = "{source}"\nverify_ssl = true\nname = "index"\n'
    for section, group in (("packages", packages), ("dev-packages", develop or {})):
        pipfile += f"\n[{section}]\n" + "".join(f'{name} = "=={version}"\n' for name, version in group.items())
    if python_version is not None:
        pipfile += f'\n[requires]\npython_version = "{python_version}"\n'
    lock = {
        "_meta": {
            "hash": {"sha256": plette.Pipfile.load(io.StringIO(pipfile)).get_hash().value},
            "pipfile-spec": 6,
            "requires": {} if python_version is None else {"python_version": python_version},
            "sources": [{"name": "index", "url": source, "verify_ssl": True}],
        },
        "default": _lock_group(packages, hashes, markers or {}),
        "develop": _lock_group(develop or {}, hashes, markers or {}),
    }
    return pipfile, json.dumps(lock, indent=4, sort_keys=True) + "\n"


def _lock_group(
    packages: Mapping[str, str], hashes: Mapping[str, Sequence[str]], markers: Mapping[str, str]
) -> dict[str, dict[str, object]]:
    group: dict[str, dict[str, object]] = {}
    for name, version in packages.items():
        entry: dict[str, object] = {"hashes": list(hashes[name]), "index": "index", "version": f"=={version}"}
        group[canonicalize_name(name)] = entry if name not in markers else {**entry, "markers": markers[name]}
    return group
