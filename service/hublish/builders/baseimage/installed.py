"""The distributions that lie in a base's own site-packages, and which paths each of them is made of.

Newer installers leave a `.dist-info` folder with a RECORD of every file, which packages of RPM leave out; older ones an
`.egg-info`: a folder that lists its files or at least its modules, or a lone file that lists nothing.

Source: PEP 376 and the RECORD specification of PyPA; pip's rules for taking away what setuptools and distutils installed.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from posixpath import dirname, join, normpath

from packaging.utils import canonicalize_name

from hublish.builders.baseimage.facts import InstalledDistribution, resolve_links
from hublish.builders.baseimage.scan import Scan
from hublish.errors import ImageInvalid

_EGG_INFO = re.compile(r"(?P<name>[^/-]+)-(?P<version>[^/-]+)(?:-[^/]*)?\.egg-info")
_MODULE = re.compile(r"[A-Za-z0-9_]+")
_MODULE_ENDINGS = (".py", ".so")
_COMPILED = re.compile(r"(.*)/__pycache__/([^/]+?)\.[^/.]+(\.opt-\d)?\.pyc")


def list_installed(scan: Scan, *, site_packages: str, prefix: str) -> tuple[InstalledDistribution, ...]:
    """List the distributions of a base's environment, sorted by name.

    Raises:
        ImageInvalid: a list of files cannot be read.
    """
    return _Site(scan, resolve_links(site_packages, scan.links), prefix).list_installed()


class _Site:
    """One site-packages folder and the files in it."""

    def __init__(self, scan: Scan, root: str, prefix: str) -> None:
        self._scan = scan
        self._root = root
        self._owned = (prefix.rstrip("/") + "/", root + "/")
        self._files = [path for path in sorted(scan.files) if path.startswith(root + "/")]
        self._below = Counter(parent for path in self._files for parent in self._folders(path))
        self._compiled: dict[str, list[str]] = defaultdict(list)
        self._parts: dict[str, list[str]] = defaultdict(list)
        for path in self._files:
            if (match := _COMPILED.fullmatch(path)) is not None:
                self._compiled[f"{match[1]}/{match[2]}.py"].append(path)
            self._parts[path.removeprefix(root + "/").partition("/")[0]].append(path)

    def list_installed(self) -> tuple[InstalledDistribution, ...]:
        recorded = [self._read_dist_info(entry) for entry in self._parts if entry.endswith(".dist-info")]
        known = [found for found in recorded if found is not None]
        taken = {path for _, listed in known for path in listed}
        installed = [made for made, _ in known]
        for entry in list(self._parts):
            made = self._read_egg_info(entry, taken)
            if made is not None:
                installed.append(made)
        return tuple(sorted(installed, key=lambda distribution: distribution.name))

    def _read_dist_info(self, entry: str) -> tuple[InstalledDistribution, frozenset[str]] | None:
        name, _, version = entry.removesuffix(".dist-info").rpartition("-")
        if not name:
            return None
        body = self._scan.texts.get(f"{self._root}/{entry}/RECORD")
        paths = [] if body is None else _read_record(body)
        # What it says of itself is its own, listed or not: one file that stayed would keep it an installed distribution.
        listed = self._resolve(paths, self._root) | frozenset(self._parts[entry])
        return self._make(name, version, listed, is_whole=body is not None), listed

    def _read_egg_info(self, entry: str, taken: set[str]) -> InstalledDistribution | None:
        """Make a distribution of an `.egg-info`; what another one has listed as its own is not `taken` from it."""
        match = _EGG_INFO.fullmatch(entry)
        if match is None:
            return None
        metadata = self._parts[entry]
        folder = f"{self._root}/{entry}"
        files = self._scan.texts.get(f"{folder}/installed-files.txt")
        modules = self._scan.texts.get(f"{folder}/top_level.txt")
        if files is not None:
            listed = self._resolve(files.decode("utf-8", errors="replace").splitlines(), folder)
        elif modules is not None:
            shared = set(_read_lines(self._scan.texts.get(f"{folder}/namespace_packages.txt", b"")))
            names = (name for name in _read_lines(modules) if name not in shared and _MODULE.fullmatch(name))
            listed = frozenset(path for name in names for path in self._find_module(name))
        else:
            listed = frozenset()
        listed = (listed - taken) | frozenset(metadata)
        taken |= listed
        is_whole = files is not None or modules is not None
        return self._make(match["name"], match["version"], listed, is_whole=is_whole)

    def _find_module(self, name: str) -> Iterable[str]:
        """The files of a top-level module: a package's folder, or files of that name."""
        # A module belongs to the first that names it: the lists of a base that names one again and again stay short.
        yield from self._parts.pop(name, ())
        for ending in _MODULE_ENDINGS:
            yield from self._parts.get(name + ending, ())

    def _resolve(self, paths: Iterable[str], folder: str) -> frozenset[str]:
        found = (normpath(join(folder, path)) for path in paths if path)
        return frozenset(path for path in found if path.startswith(self._owned))

    def _make(self, name: str, version: str, listed: frozenset[str], *, is_whole: bool = True) -> InstalledDistribution:
        return InstalledDistribution(
            name=canonicalize_name(name), version=version, paths=self._make_hidden_paths(listed), is_whole=is_whole
        )

    def _make_hidden_paths(self, listed: frozenset[str]) -> tuple[str, ...]:
        """Hide whole folders where one distribution owns all that is in them.

        Hiding file by file would leave empty folders, and an empty *.dist-info still counts as an installed distribution
        without a version.
        """
        # Byte-code is often compiled after the installer wrote its list: it belongs to its source.
        compiled = {path for source in listed for path in self._compiled.get(source, ())}
        present = {path for path in listed if path in self._scan.files} | compiled
        own = Counter(parent for path in present for parent in self._folders(path))
        folders = {parent for path in listed for parent in self._folders(path)}
        owned = {folder for folder in folders if own[folder] == self._below[folder]}
        hidden = {path for path in listed if path in self._scan.files} | owned
        return tuple(sorted(path for path in hidden if not owned.intersection(self._folders(path))))

    def _folders(self, path: str) -> list[str]:
        """The folders inside site-packages that lead to a path."""
        if not path.startswith(self._root + "/"):
            return []
        folder, found = dirname(path), []
        while folder != self._root:
            found.append(folder)
            folder = dirname(folder)
        return found


def _read_record(body: bytes) -> list[str]:
    try:
        return [row[0] for row in csv.reader(body.decode("utf-8", errors="replace").splitlines()) if row]
    except csv.Error as exc:
        raise ImageInvalid(f"the base lists the files of a distribution in a way that cannot be read ({exc})") from exc


def _read_lines(body: bytes) -> list[str]:
    return [line.strip() for line in body.decode("utf-8", errors="replace").splitlines()]
