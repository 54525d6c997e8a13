"""`.aicoe-ci.yaml`, the config of the service hublish follows, read as that service read it.

Lenient on purpose: both spellings of the strategy in any case, underscores for dashes, empty and missing lists. What is
read otherwise or not at all is said in a note or a warning, so that nothing is ignored in silence. A secret named by
a repository is never used, and scripts come from the builder image only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hublish.core.config.legacy_keys import (
    BUILD_CHECKS,
    BUILD_KEYS,
    DEPLOY_KEYS,
    OTHER_CHECKS,
    OVERLAY_KEYS,
    OVERLAYS_CHECK,
    TOP_KEYS,
    UNREAD_KEYS,
    LegacyReader,
)
from hublish.core.config.values import (
    IMAGES_LIMIT,
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
    # A common block is read for each overlay, and would say the same each time.
    findings = tuple(dict.fromkeys(reader.findings))
    return (None if has_error(findings) else config), findings


class _Reader(LegacyReader):
    def __init__(self, tree: Tree, *, repository_name: str | None) -> None:
        super().__init__(tree)
        self._repository_name = repository_name
        self._deploys: list[str] = []

    def read(self) -> Config | None:
        config = self._read_all()
        return None if config is None else replace(config, deploys=tuple(dict.fromkeys(self._deploys)))

    def _read_all(self) -> Config | None:
        top = self.read_mapping(self.tree.value, (), known=TOP_KEYS)
        self._note_checks(top)
        self._note_unread(top)
        self._read_deploy(top)
        build_at = top.get("build")
        build = {} if build_at is None else self.read_mapping(self.value_at(build_at), build_at, known=BUILD_KEYS)
        overlays = self._read_overlays(top)
        if overlays:
            at = top["overlays"]
            made = [
                self._read_build({**build, **keys}, self._make_overlay_lock(top, name), at=at)
                for name, keys in overlays
            ]
            return self._join_overlays([config for config in made if config is not None], at=at)
        return self._read_build(build, PythonConfig(), at=build_at or ())

    def _join_overlays(self, configs: list[Config], *, at: KeyPath) -> Config | None:
        """One config with an image for each overlay; a single one is the config itself."""
        if len(configs) <= 1:
            return configs[0] if configs else None
        titles = [config.images[0].title for config in configs]
        for title in dict.fromkeys(title for title in titles if titles.count(title) > 1):
            message = f"two overlays make an image called `{clip(title)}`; a hub lists an image by this name"
            self.say(Severity.ERROR, "DuplicateImage", message, at=at, hint="give each its own `registry-project`")
        images = tuple(config.images[0].with_settings(config) for config in configs)
        return Config(path=self.tree.path, legacy=True, images=images, triggers=Triggers(tag=True))

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

    def _read_deploy(self, keys: dict[str, KeyPath]) -> None:
        """Read where the old service pushed a change to an image list; here a pull request to that hub is made."""
        at = keys.get("deploy")
        if at is None or self.value_at(at) in ([], {}):
            return
        block = self.read_mapping(self.value_at(at), at, known=DEPLOY_KEYS)
        owner, name = self.read_text(block, "project-org"), self.read_text(block, "project-name")
        if owner is None or name is None:
            message = "`deploy` is not read: it needs `project-org` and `project-name`, the repository of the list"
            self.say(Severity.NOTE, "KeyUnused", message, at=at)
            return
        repo = clip(f"{owner}/{name}", limit=140)
        self._deploys.append(repo)
        message = (
            f"`deploy` is read as the hub with its list in {repo}: it gets a pull request; other keys have no effect"
        )
        self.say(Severity.NOTE, "DeployRead", message, at=at)

    def _read_build(self, build: dict[str, KeyPath], lock: PythonConfig, *, at: KeyPath) -> Config | None:
        if not build:
            message = "no `build` block says where an image is pushed"
            hint = "add `build:` with `registry-org` and `registry-project`, or write a `.hublish.yaml`"
            self.say(Severity.ERROR, "ImageMissing", message, at=at, hint=hint)
            return None
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

    def _read_overlays(self, top: dict[str, KeyPath]) -> list[tuple[str, dict[str, KeyPath]]]:
        """Read the overlays that have a name and a build block: each is an image."""
        at = top.get("overlays")
        if at is None:
            return []
        value = self.value_at(at)
        if not isinstance(value, list):
            self.say(Severity.WARNING, "WrongType", "expected a list of overlays; it is not read", at=at)
            return []
        overlays: list[tuple[str, dict[str, KeyPath]]] = []
        for index, item in enumerate(value):
            keys = self.read_mapping(item, (*at, index), known=OVERLAY_KEYS)
            self._note_unread(keys)
            self._read_deploy(keys)
            name = self.read_text(keys, "name")
            if name is None or "build" not in keys:
                message = "an overlay needs `name` and `build`; this one is not read"
                self.say(Severity.WARNING, "OverlaysUnused", message, at=(*at, index), on_key=False)
                continue
            block = keys["build"]
            overlays.append((name, self.read_mapping(self.value_at(block), block, known=BUILD_KEYS)))
        if len(overlays) > IMAGES_LIMIT:
            message = f"expected at most {IMAGES_LIMIT} overlays, got {len(overlays)}; the rest is not read"
            self.say(Severity.WARNING, "OverlaysUnused", message, at=at)
        return overlays[:IMAGES_LIMIT]

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
