"""From the scan of a base to its facts: which Python a user gets, where its packages lie, who owns what.

Source: the `site` and `venv` documentation of Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

from hublish.builders.baseimage.facts import BaseFacts, Directory, resolve_links
from hublish.builders.baseimage.image import BaseImage, read_base_image
from hublish.builders.baseimage.installed import list_installed
from hublish.builders.baseimage.scan import Scan, scan_base
from hublish.core.ports import ImageReader
from hublish.core.reference import Reference
from hublish.errors import BaseUnsupported, clip

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_SHALLOW_PARTS = 2


def read_base_facts(images: ImageReader, reference: Reference, *, platform: str) -> BaseFacts:
    """Read what layers on top of a base must know.

    Args:
        images: where the base lies.
        reference: by tag or digest; an index leads to the manifest of `platform`.
        platform: `os/architecture`.

    Raises:
        BaseUnsupported: no such image, no Python on its PATH, or a Python, C library or compression not known here.
        ImageInvalid: its bytes break the specification.
    """
    return make_base_facts(read_base_image(images, reference, platform=platform), images)


def make_base_facts(base: BaseImage, images: ImageReader) -> BaseFacts:
    """Make the facts of a base image that is open already; reads all of its layers. Raises as `read_base_facts`."""
    scan = scan_base(images, base)
    variables = dict(base.spec.environment)
    found, executable = _find_python(scan, variables, base.reference)
    match = re.search(r"/python3\.(\d{1,3})$", executable)
    if match is None:
        raise BaseUnsupported(f"{base.reference}: expected a python3.N behind python3, got {clip(executable)}")
    python_version = (3, int(match[1]))
    prefix, site_packages, virtual = _find_environment(scan, found, python_version)
    passwd = scan.texts.get("/etc/passwd")
    text = None if passwd is None else passwd.decode("utf-8", errors="surrogateescape")
    return BaseFacts(
        python_version=python_version,
        python_full_version=_find_full_version(scan, executable, prefix, variables, base.reference),
        executable=executable,
        environment_executable=found if virtual else executable,
        prefix=prefix,
        site_packages=site_packages,
        libc=_find_libc(scan, base.reference),
        architecture=_find_architecture(base),
        user=base.spec.user,
        home=variables.get("HOME") or _find_home(text, base.spec.user),
        directories=_select_directories(scan, prefix=prefix, site_packages=site_packages),
        links=_select_links(scan, prefix=prefix),
        installed=list_installed(scan, site_packages=site_packages, prefix=prefix),
        passwd=text,
        shell="/bin/bash" if resolve_links("/bin/bash", scan.links) in scan.files else "/bin/sh",
        environment=base.spec.environment,
    )


def _find_python(scan: Scan, variables: Mapping[str, str], reference: Reference) -> tuple[str, str]:
    """The first python3 on PATH as named, and the file it leads to."""
    search_path = variables.get("PATH") or _DEFAULT_PATH
    for folder in search_path.split(":"):
        named = join(folder, "python3")
        if folder.startswith("/") and (real := resolve_links(named, scan.links)) in scan.files:
            return normpath(named), scan.hard_links.get(real, real)
    raise BaseUnsupported(
        f"{reference}: no python3 on the image's PATH ({clip(search_path)})",
        hint="Name a base image that holds Python 3, or add one to the operator's `bases`.",
    )


def _find_environment(scan: Scan, found: str, python_version: tuple[int, int]) -> tuple[str, str, bool]:
    """Prefix and site-packages of the base's own environment, and whether it is a virtual one."""
    prefix = dirname(dirname(found))
    folder = "lib/python{}.{}".format(*python_version)
    if f"{prefix}/pyvenv.cfg" in scan.texts:
        return prefix, f"{prefix}/{folder}/site-packages", True
    # Debian keeps its own packages in /usr and looks for everybody else's in /usr/local, under another folder name.
    if resolve_links("/usr/lib/python3/dist-packages", scan.links) in scan.directories and found.startswith(
        "/usr/bin/"
    ):
        return "/usr/local", f"/usr/local/{folder}/dist-packages", False
    return prefix, f"{prefix}/{folder}/site-packages", False


def _find_full_version(
    scan: Scan, executable: str, prefix: str, variables: Mapping[str, str], reference: Reference
) -> str:
    minor = executable.rpartition("/python")[2]
    candidates = [scan.python_versions.get(executable, "")]
    candidates += [version for path, version in sorted(scan.python_versions.items()) if f"/libpython{minor}." in path]
    settings = scan.texts.get(f"{prefix}/pyvenv.cfg", b"").decode(errors="replace")
    candidates += re.findall(r"(?m)^version\s*=\s*(\d{1,3}\.\d{1,3}\.\d{1,3})(?!\d)", settings)
    candidates.append(variables.get("PYTHON_VERSION", ""))
    for candidate in candidates:
        if re.fullmatch(re.escape(minor) + r"\.\d{1,3}", candidate) is not None:
            return candidate
    raise BaseUnsupported(
        f"{reference}: the full version of {clip(executable)} is not to be found in the image",
        hint="Set PYTHON_VERSION in the base image's environment to the full version, for example 3.11.2.",
    )


def _find_libc(scan: Scan, reference: Reference) -> tuple[str, int]:
    for kind in ("glibc", "musl"):
        minors = [minor for found, minor in scan.libc.values() if found == kind]
        if minors:
            return kind, max(minors)
    raise BaseUnsupported(
        f"{reference}: found neither glibc nor musl in the image", hint="Use a base image with a shared C library."
    )


def _find_architecture(base: BaseImage) -> str:
    architecture = _ARCHITECTURES.get(base.spec.architecture)
    if architecture is None:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise BaseUnsupported(
            f"{base.reference}: expected one of the architectures {known}, got {clip(base.spec.architecture)!r}"
        )
    return architecture


def _find_home(passwd: str | None, user: str) -> str | None:
    name = user.partition(":")[0]
    for line in (passwd or "").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and name and name in (fields[0], fields[2]):  # noqa: PLR2004 -- passwd(5) has seven fields
            return fields[5] or None
    return None


def _select_directories(scan: Scan, *, prefix: str, site_packages: str) -> tuple[Directory, ...]:
    """Folders near the root, those above site-packages, and those of the environment that wheels put data into."""
    places = tuple(f"{prefix}/{name}/" for name in ("bin", "etc", "include", "share"))
    above = {site_packages, *_parents(site_packages)}
    return tuple(
        directory
        for path, directory in sorted(scan.directories.items())
        if path != "/" and (path.count("/") <= _SHALLOW_PARTS or path in above or (path + "/").startswith(places))
    )


def _select_links(scan: Scan, *, prefix: str) -> tuple[tuple[str, str], ...]:
    inside = prefix.rstrip("/") + "/"
    return tuple(
        (path, target)
        for path, target in sorted(scan.links.items())
        if (path.count("/") <= _SHALLOW_PARTS or (path.startswith(inside) and "/" not in path.removeprefix(inside)))
        and resolve_links(path, scan.links) in scan.directories
    )


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]
