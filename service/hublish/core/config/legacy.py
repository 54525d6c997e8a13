"""`.aicoe-ci.yaml`, the config of the service hublish follows, read as that service read it.

Lenient on purpose: both spellings of the strategy in any case, underscores for dashes, empty and missing lists. What is
read otherwise or not at all is said in a note or a warning, so that nothing is ignored in silence. A secret named by
a repository is never used, and scripts come from the builder image only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hublish.core.config.legacy_keys import (
    BUILD_CHECKS,
    BUILD_KEYS,
    OTHER_CHECKS,
    OVERLAY_KEYS,
    OVERLAYS_CHECK,
    TOP_KEYS,
    UNREAD_KEYS,
    LegacyReader,
)
from hublish.core.config.values import (
    Config,
    DockerfileConfig,
    ImageConfig,
    PythonConfig,
    S2IConfig,
    Triggers,
)
from hublish.core.config.valuetext import RELEASE_PLACEHOLDER, parse_file_path, parse_scripts_url
from hublish.core.finding import Finding, Severity, has_error
from hublish.core.place import KeyPath
from hublish.core.plan import Strategy
from hublish.core.reference import Reference, is_tag, parse_reference, parse_repository
from hublish.core.suggestion import suggest
from hublish.core.trees.yamltree import Tree
from hublish.errors import HublishError, ValueInvalid, clip

LEGACY_PATH = ".aicoe-ci.yaml"
_DEFAULT_REGISTRY = "quay.io"
# The old service ran skopeo and s2i, for which an image without a registry is one of Docker Hub.
_DOCKER_HUB = "docker.io"
_STRATEGIES = {
    "source": (Strategy.SOURCE, None),
    "s2i": (Strategy.SOURCE, None),
    "dockerfile": (Strategy.DOCKERFILE, "Dockerfile"),
    "containerfile": (Strategy.DOCKERFILE, "Containerfile"),
}

T = TypeVar("T")


def parse_legacy_config(tree: Tree, *, repository_name: str | None) -> tuple[Config | None, tuple[Finding, ...]]:
    """Read the tree of an `.aicoe-ci.yaml`.

    Args:
        tree: the file.
        repository_name: default of `registry-project`; None makes that key required.

    Returns:
        The config, or None with at least one error; and all findings in the order of reading.
    """
    reader = _Reader(tree, repository_name=repository_name)
    config = reader.read()
    return (None if has_error(tuple(reader.findings)) else config), tuple(reader.findings)


class _Reader(LegacyReader):
    def __init__(self, tree: Tree, *, repository_name: str | None) -> None:
        super().__init__(tree)
        self._repository_name = repository_name

    def read(self) -> Config | None:
        top = self.read_mapping(self.tree.value, (), known=TOP_KEYS)
        self._note_checks(top)
        self._note_unread(top)
        build_at = top.get("build")
        build = {} if build_at is None else self.read_mapping(self.value_at(build_at), build_at, known=BUILD_KEYS)
        overlay = self._choose_overlay(top)
        lock = PythonConfig()
        if overlay is not None:
            name, keys = overlay
            build = {**build, **keys}
            lock = self._make_overlay_lock(top, name)
        if not build:
            message = "no `build` block says where an image is pushed"
            hint = "add `build:` with `registry-org` and `registry-project`, or write a `.hublish.yaml`"
            self.say(Severity.ERROR, "ImageMissing", message, at=() if build_at is None else build_at, hint=hint)
            return None
        return self._read_build(build, lock)

    def _note_checks(self, top: dict[str, KeyPath]) -> None:
        at = top.get("check")
        value = [] if at is None else self.value_at(at)
        if at is None or not isinstance(value, list):
            return
        for index, item in enumerate(value):
            # An empty list in the list is the old documentation's own example of "no checks".
            if item == OVERLAYS_CHECK and "overlays" not in top:
                message = f"`{item}` asks for nothing: there are no `overlays`"
                self.say(Severity.NOTE, "CheckUnused", message, at=(*at, index), on_key=False)
            if item in (None, [], *BUILD_CHECKS):
                continue
            if item in OTHER_CHECKS:
                message = f"`{item}` is not run: checks of pull requests belong to your CI"
                self.say(Severity.NOTE, "CheckUnused", message, at=(*at, index), on_key=False)
            else:
                hint = suggest(str(item), (*BUILD_CHECKS, *OTHER_CHECKS))
                message = f"unknown check `{clip(str(item), limit=80)}`; it is not run"
                self.say(Severity.WARNING, "ValueInvalid", message, at=(*at, index), hint=hint, on_key=False)

    def _note_unread(self, keys: dict[str, KeyPath]) -> None:
        for name, reason in UNREAD_KEYS.items():
            # An empty list or mapping asks for nothing, so there is nothing to say.
            if name in keys and self.value_at(keys[name]) not in ([], {}):
                self.say(Severity.NOTE, "KeyUnused", f"`{name}` is not read: {reason}", at=keys[name])

    def _read_build(self, build: dict[str, KeyPath], lock: PythonConfig) -> Config | None:
        strategy, default_path = self._read_strategy(build)
        path = self._read_parsed(build, "dockerfile-path", parse_file_path) or default_path
        scripts_url = self._read_parsed(build, "build-source-script", parse_scripts_url)
        base = self._read_parsed(build, "base-image", _parse_legacy_base)
        for name, reason in (
            ("registry-secret", "the operator decides which credential is used for a registry"),
            ("arch", "images are made for linux/amd64"),
        ):
            if name in build:
                self.say(Severity.NOTE, "KeyUnused", f"`{name}` is not read: {reason}", at=build[name])
        image = self._read_image(build)
        if image is None:
            return None
        return Config(
            path=self.tree.path,
            legacy=True,
            images=(image,),
            strategy=strategy,
            base=base,
            python=lock,
            dockerfile=None if path is None else DockerfileConfig(path=path),
            # The old service ran assemble as root when it was given scripts, and only then.
            s2i=None if scripts_url is None else S2IConfig(scripts_url=scripts_url, user="root"),
            triggers=Triggers(tag=True),
        )

    def _read_strategy(self, build: dict[str, KeyPath]) -> tuple[Strategy | None, str | None]:
        text = self.read_text(build, "build-strategy")
        if text is None:
            return None, None
        known = _STRATEGIES.get(text.lower())
        if known is None:
            message = f'unknown strategy "{clip(text, limit=80)}"; it is read as Source, as before'
            at = build["build-strategy"]
            hint = "write Source, Dockerfile or Containerfile"
            self.say(Severity.WARNING, "ValueInvalid", message, at=at, hint=hint, on_key=False)
            return Strategy.SOURCE, None
        return known

    def _read_image(self, build: dict[str, KeyPath]) -> ImageConfig | None:
        registry = self.read_text(build, "registry") or _DEFAULT_REGISTRY
        organisation = self.read_text(build, "registry-org")
        project = self.read_text(build, "registry-project") or self._repository_name
        at = next(iter(build.values()))[:-1]
        for name, value in (("registry-org", organisation), ("registry-project", project)):
            if value is None:
                message = f"`{name}` is missing, so there is no place to push to"
                self.say(Severity.ERROR, "KeyMissing", message, at=at, hint=f"add `{name}:` to this block")
        tag = self._read_parsed(build, "custom-tag", _parse_custom_tag)
        if organisation is None or project is None:
            return None
        text = f"{registry}/{organisation}/{project}"
        try:
            reference = parse_repository(text)
        except HublishError as error:
            at = build.get("registry-project", build["registry-org"])
            hint = "registries want lower case; the image is `registry/registry-org/registry-project`"
            self.say(Severity.ERROR, error.code, error.message, at=at, hint=hint, on_key=False)
            return None
        tags = (RELEASE_PLACEHOLDER,) if tag is None else (RELEASE_PLACEHOLDER, tag)
        return ImageConfig(reference=reference, tags=tags)

    def _read_parsed(self, keys: dict[str, KeyPath], name: str, parse: Callable[[str], T]) -> T | None:
        text = self.read_text(keys, name)
        if text is None:
            return None
        try:
            return parse(text)
        except HublishError as error:
            self.say(Severity.ERROR, error.code, error.message, at=keys[name], hint=error.hint, on_key=False)
            return None

    def _choose_overlay(self, top: dict[str, KeyPath]) -> tuple[str, dict[str, KeyPath]] | None:
        """Read the overlays; the only one that has a build block is the image to make, several are not made yet."""
        at = top.get("overlays")
        if at is None:
            return None
        value = self.value_at(at)
        if not isinstance(value, list):
            self.say(Severity.WARNING, "WrongType", "expected a list of overlays; it is not read", at=at)
            return None
        overlays: list[tuple[str, dict[str, KeyPath]]] = []
        for index, item in enumerate(value):
            keys = self.read_mapping(item, (*at, index), known=OVERLAY_KEYS)
            self._note_unread(keys)
            name = self.read_text(keys, "name")
            if name is None or "build" not in keys:
                message = "an overlay needs `name` and `build`; this one is not read"
                self.say(Severity.WARNING, "OverlaysUnused", message, at=(*at, index), on_key=False)
                continue
            block = keys["build"]
            overlays.append((name, self.read_mapping(self.value_at(block), block, known=BUILD_KEYS)))
        if len(overlays) > 1:
            names = ", ".join(clip(name, limit=40) for name, _ in overlays[:10])
            message = (
                f"{len(overlays)} overlays ({names}) are not read: an image per overlay is not made from this file"
            )
            hint = "write a `.hublish.yaml` with `images`, or keep one overlay"
            self.say(Severity.WARNING, "OverlaysUnused", message, at=at, hint=hint)
            return None
        return overlays[0] if overlays else None

    def _make_overlay_lock(self, top: dict[str, KeyPath], name: str) -> PythonConfig:
        folder = self.read_text(top, "overlays-dir")
        if folder is None or folder == ".":
            return PythonConfig()
        at = top["overlays-dir"]
        try:
            path = parse_file_path(f"{folder}/{name}/Pipfile.lock")
        except ValueInvalid as error:
            self.say(Severity.ERROR, error.code, error.message, at=at, hint=error.hint, on_key=False)
            return PythonConfig()
        message = (
            f"of the overlay's folder only `{clip(path)}` and its Pipfile are read; other files are not copied over"
        )
        self.say(Severity.WARNING, "OverlayFiles", message, at=at)
        return PythonConfig(lock=path)


def _parse_legacy_base(text: str) -> Reference:
    return parse_reference(text, default_registry=_DOCKER_HUB)


def _parse_custom_tag(text: str) -> str:
    if not is_tag(text):
        raise ValueInvalid(f'expected an image tag, got "{clip(text, limit=80)}"', hint="e.g. latest")
    return text
