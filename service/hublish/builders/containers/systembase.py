"""`system.apt`: a base with Debian packages on top, built once per base and list by a container engine, and kept.

Which versions apt takes depends on the day, so that the result is pinned by its digest before anything is built on it;
what was installed stands in the log and in the image itself.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.builders.containers.containerrun import ContainerBackend, ContainerTools, build_container
from hublish.builders.containers.plan import NoFiles, make_bare_plan
from hublish.builders.keys import make_key
from hublish.core.plan import Plan
from hublish.core.ports import ImageReader, ImageWriter
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.errors import BaseUnsupported, BuildFailed, HublishError, StrategyUnavailable, clip

BUILDER = "system-2"
LISTING = "/usr/share/hublish/system-packages"
"""File in the image: each package that was added or changed, as `name version`."""
BUILD_SECONDS = 1800
SIZE_LIMIT_BYTES = 16 << 30
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_ERROR, _INSTALLED, _EXIT = "E: ", "installed: ", "exit status "
# apt says much; of a failure the end is shown, else what was installed.
_LINES_SHOWN = 30
# A step that fails waits: on a busy machine buildah ends with it and drops what it said last.
_SCRIPT = f"""\
trap 'test $? = 0 || sleep 1' EXIT
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
list() {{ dpkg-query -W -f '${{binary:Package}} ${{Version}}\\n' | sort; }}
mkdir -p {LISTING.rpartition("/")[0]}
list > /tmp/hublish-before
apt-get update -q
apt-get install -q -y --no-install-recommends -- PACKAGES
list | comm -13 /tmp/hublish-before - > {LISTING}
sed 's/^/{_INSTALLED}/' {LISTING}
rm -rf /tmp/hublish-before /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
rm -f /var/cache/ldconfig/aux-cache
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBaseBuild:
    """Builds one base with packages and puts it where it shall stand.

    Attributes:
        backend: the engine.
        images: where bases are read from.
        output: where the result is written to.
        folder: for files of the build; made when needed.
        log: told what was installed, and of a failure the end of what apt said.
        cancelled: True once it is to stop.
    """

    backend: ContainerBackend
    images: ImageReader
    output: ImageWriter
    folder: Path
    log: Callable[[str], None]
    cancelled: Callable[[], bool] = lambda: False

    def run(self, plan: Plan, packages: tuple[str, ...], *, name: str, target: Reference) -> str:
        """Build; returns the digest as the other side reports it.

        Args:
            plan: from `make_system_plan`.
            packages: for messages.
            name: of the build in the engine; no two at the same time.
            target: repository and tag.

        Raises:
            BuildFailed: a package cannot be installed. BuildCancelled, EngineFailed, RegistryFailed.
        """
        words = SystemWords(self.log)
        tools = ContainerTools(
            backend=self.backend,
            images=self.images,
            output=self.output,
            folder=self.folder,
            secrets={},
            log=words.take,
            progress=lambda _: None,
            cancelled=self.cancelled,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            return build_container(plan, name=name, source=NoFiles(), target=target, tools=tools).digest
        except BuildFailed as error:
            explained = words.explain(error, packages)
            if explained is error:
                raise
            raise explained from error


class SystemWords:
    """What apt says: of it the log has what was installed, and the end where that failed.

    Args:
        log: told so.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._errors: deque[str] = deque(maxlen=3)
        self._last: deque[str] = deque(maxlen=_LINES_SHOWN)

    def take(self, line: str) -> None:
        """Take one line."""
        line = redact(line)
        self._last.append(line)
        if line.startswith(_ERROR):
            self._errors.append(clip(line.removeprefix(_ERROR)))
        if line.startswith(_INSTALLED):
            self._log(line)

    def explain(self, error: HublishError, packages: tuple[str, ...]) -> HublishError:
        """Say in apt's words why a build of that base failed; any other error says so itself."""
        if error.code != BuildFailed.__name__:
            return error
        for line in self._last:
            self._log(line)
        if not self._errors and _EXIT not in error.message:
            return error
        reason = "; ".join(self._errors) or f"{_EXIT}{error.message.rpartition(_EXIT)[2]}"
        return BuildFailed(
            f"system.apt: {', '.join(packages)} cannot be installed: {reason}",
            hint="Name packages that the base's own package sources have.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBaseFolder:
    """Bases with packages, each a layout in a folder: `hublish.core.ports.SystemBases`.

    Attributes:
        open_backend: opens the engine; raises StrategyUnavailable where there is none.
        images: where bases are read from.
        make_layout: opens a folder as a layout to write to.
        add_layout: makes the image of a layout readable by `images`; returns its reference.
        folder: where they are kept.
        log: told what happens, line by line.
        cancelled: True once it is to stop.
    """

    open_backend: Callable[[Callable[[str], None]], ContainerBackend]
    images: ImageReader
    make_layout: Callable[[Path], ImageWriter]
    add_layout: Callable[[Path], Reference]
    folder: Path
    log: Callable[[str], None]
    cancelled: Callable[[], bool] = lambda: False

    def can_build(self) -> bool:
        """See SystemBases."""
        try:
            self.open_backend(lambda _: None)
        except StrategyUnavailable:
            return False
        return True

    def ensure_base(self, base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Reference:
        """See SystemBases."""
        pinned = replace(base, tag=None)
        key = make_system_key(pinned, packages, platform=platform)
        place = self.folder / key
        if (place / "index.json").is_file():
            self.log(f"the base with {', '.join(packages)} is the one of an earlier build")
            return self.add_layout(place)
        staging = self.folder / f".part-{uuid.uuid4().hex[:16]}"
        plan = make_system_plan(pinned, packages, platform=platform, user=user)
        self.log(f"installing {', '.join(packages)} into the base")
        name = f"{key}-{staging.name[-8:]}"
        try:
            build = SystemBaseBuild(
                backend=self.open_backend(self.log), images=self.images, output=self.make_layout(staging / "layout"),
                folder=staging, log=self.log, cancelled=self.cancelled,
            )  # fmt: skip
            build.run(plan, packages, name=name, target=Reference(registry="localhost", repository="base", tag=name))
            if not (place / "index.json").is_file():
                shutil.rmtree(place, ignore_errors=True)
                (staging / "layout").rename(place)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return self.add_layout(place)


def make_system_key(base: Reference, packages: tuple[str, ...], *, platform: str) -> str:
    """Make the key of a base with packages, in whatever order they are listed: 24 hex digits."""
    return make_key(["system", BUILDER, base.digest, platform, sorted(packages)])[:24]


def make_system_plan(base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Plan:
    """Make the plan of a base with packages.

    Args:
        base: pinned by digest, no tag.
        packages: by the grammar of `parse_apt_package`, which leaves no room for options or a shell.
        platform: `os/architecture`.
        user: of the base's config, "" for none; the result has the same.

    Raises:
        BaseUnsupported: the user of the base has characters that no user has.
    """
    if user and _USER.fullmatch(user) is None:
        raise BaseUnsupported(f"the base's user {clip(user)!r} is not one that a build can change back to")
    script = _SCRIPT.replace("PACKAGES", " ".join(sorted(packages)))
    lines = [f"FROM {base}", *(["USER 0:0"] if user else []), f"RUN {json.dumps(['/bin/sh', '-euc', script])}"]
    text = "\n".join([*lines, *([f"USER {user}"] if user else [])]) + "\n"
    return make_bare_plan(
        text, base=base, platform=platform, builder=BUILDER, seconds=BUILD_SECONDS, size_bytes=SIZE_LIMIT_BYTES
    )
