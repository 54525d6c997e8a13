"""What a base image holds, as far as layers put on top of it must know; found by reading, never by running it.

The facts are a value that can be kept as JSON under the base's digest: the same base always has the same facts. How
they are found is `scan` (reads the layers) and `python` (makes sense of what was read).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hublish.errors import BaseUnsupported

FACTS_FORMAT = 3
_LINK_LIMIT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A folder the base has: absolute path, mode bits, numeric owner."""

    path: str
    mode: int
    user_id: int
    group_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """A distribution in the base's own site-packages.

    Attributes:
        name: normalised.
        version: as its .dist-info or .egg-info says.
        paths: what to hide so that nothing of it is left: whole folders where it owns all files of them, else files.
        is_whole: whether nothing is left; False where it lists no files, so that only what it says of itself can be hidden.
    """

    name: str
    version: str
    paths: tuple[str, ...]
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """Facts of one base image on one platform.

    Attributes:
        python_version: `(major, minor)` of the first python3 on the image's PATH.
        python_full_version: e.g. "3.11.2".
        executable: that python3, all links resolved; a virtual environment of hublish's links to it.
        environment_executable: what scripts in the base's own environment start with; differs from `executable` when
            the base's Python is a virtual environment itself.
        prefix: where the base's own environment keeps bin, share and etc.
        site_packages: where its packages lie.
        libc: `("glibc", 36)` or `("musl", 2)`, the minor version second.
        architecture: as wheels name it, "x86_64" or "aarch64".
        user: of the image's config, "" for root by default.
        home: HOME of the image's environment or the user's passwd entry; None when neither says.
        directories: those that layers may have to name again, sorted by path.
        links: symbolic links to folders near the root or in the environment, `(path, target)`, sorted.
        installed: distributions in `site_packages`, sorted by name.
        passwd: text of /etc/passwd; None when there is no such regular file.
        shell: "/bin/bash" when the base has it, else "/bin/sh".
        environment: the config's variables in order.
    """

    python_version: tuple[int, int]
    python_full_version: str
    executable: str
    environment_executable: str
    prefix: str
    site_packages: str
    libc: tuple[str, int]
    architecture: str
    user: str
    home: str | None
    directories: tuple[Directory, ...]
    links: tuple[tuple[str, str], ...]
    installed: tuple[InstalledDistribution, ...]
    passwd: str | None
    shell: str
    environment: tuple[tuple[str, str], ...]

    @property
    def marker_environment(self) -> dict[str, str]:
        """The variables of PEP 508 markers, as the target's interpreter would give them; `extra` is empty."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python_full_version,
            "os_name": "posix",
            "platform_machine": self.architecture,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python_full_version,
            "python_version": "{}.{}".format(*self.python_version),
            "sys_platform": "linux",
            "extra": "",
        }


def resolve_links(path: str, links: Mapping[str, str]) -> str:
    """Follow symbolic links in every part of an absolute path.

    Args:
        path: absolute, may hold `.` and `..`.
        links: absolute path of each link -> its target as written.

    Raises:
        BaseUnsupported: more than 40 links in a row, so a loop.
    """
    todo = [part for part in path.split("/") if part]
    done: list[str] = []
    followed = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        if part == ".":
            continue
        target = links.get("/" + "/".join([*done, part]))
        if target is None:
            done.append(part)
            continue
        followed += 1
        if followed > _LINK_LIMIT:
            raise BaseUnsupported("the base image has a loop of symbolic links on the way to its Python")
        todo = [piece for piece in target.split("/") if piece] + todo
        done = [] if target.startswith("/") else done
    return "/" + "/".join(done)


def render_base_facts(facts: BaseFacts) -> str:
    """Render facts as JSON; `parse_base_facts` reads it back."""
    return json.dumps({"format": FACTS_FORMAT, "facts": dataclasses.asdict(facts)}, sort_keys=True)


def parse_base_facts(text: str) -> BaseFacts | None:
    """Parse what `render_base_facts` wrote; None when it is of another format or damaged, so that it is read anew."""
    try:
        document: dict[str, Any] = json.loads(text)
        if document["format"] != FACTS_FORMAT:
            return None
        facts: dict[str, Any] = document["facts"]
        plain = {
            **facts,
            "python_version": tuple(facts["python_version"]),
            "libc": tuple(facts["libc"]),
            "directories": tuple(Directory(**entry) for entry in facts["directories"]),
            "links": tuple((path, target) for path, target in facts["links"]),
            "installed": tuple(
                InstalledDistribution(**{**entry, "paths": tuple(entry["paths"])}) for entry in facts["installed"]
            ),
            "environment": tuple((name, value) for name, value in facts["environment"]),
        }
        return BaseFacts(**plain)
    except (ValueError, KeyError, TypeError):
        return None
