"""The keys of `.aicoe-ci.yaml`: their names, the spellings in use, and what hublish does about those it does not read.

A table and the walk over it; what the keys mean is decided in `config_legacy`.
"""

from __future__ import annotations

from typing import Any

from hublish.core.finding import Finding, Severity
from hublish.core.place import KeyPath
from hublish.core.suggestion import suggest
from hublish.core.trees.yamltree import Tree
from hublish.errors import clip

# Keys of the old format that are known but have no effect here: the sentence that says so.
UNREAD_KEYS = {
    "release": "hublish publishes images, not Python packages",
    "package-upload": "hublish publishes images, not Python packages",
    "pytest-env": "hublish runs no checks on pull requests; keep them in your CI",
    "sibling": "hublish tags no other repository",
    "gather": "hublish gathers no metrics of models",
}
TOP_KEYS = ("check", "build", "overlays", "overlays-dir", "deploy", *UNREAD_KEYS)
# Entries of `check`: those that ask for an image, and those that ask for something hublish does not do.
OVERLAYS_CHECK = "overlays-build"
BUILD_CHECKS = ("thoth-build", OVERLAYS_CHECK)
OTHER_CHECKS = (
    "thoth-pytest",
    "thoth-pytest-py38",
    "thoth-precommit",
    "thoth-precommit-py38",
    "thoth-custom-build",
    "thoth-tox",
)
BUILD_KEYS = (
    "base-image",
    "build-strategy",
    "dockerfile-path",
    "build-source-script",
    "custom-tag",
    "registry",
    "registry-org",
    "registry-project",
    "registry-secret",
    "arch",
)
DEPLOY_KEYS = ("project-org", "project-name", "image-name", "overlay-contextpath")
OVERLAY_KEYS = ("name", "build", "deploy", "gather")

# The old service's own misspelling is its documented key, and `overlays_dir` its only key with an underscore.
_OFFICIAL = {"build-stratergy": "build-strategy", "overlays_dir": "overlays-dir"}


class LegacyReader:
    """Reads mappings of the old format and collects what there is to say about them.

    Attributes:
        tree: the file.
        findings: what was said so far.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.findings: list[Finding] = []

    def say(
        self, severity: Severity, code: str, message: str, *, at: KeyPath, hint: str = "", on_key: bool = True
    ) -> None:
        """Add a finding at the key of an item."""
        found = self.tree.make_finding(code, message, at=at, severity=severity, hint=hint, on_key=on_key)
        self.findings.append(found)

    def read_mapping(self, value: Any, path: KeyPath, *, known: tuple[str, ...]) -> dict[str, KeyPath]:
        """Read a mapping's keys by their canonical names.

        Args:
            value: what stands there; an empty value is an empty mapping, anything else a warning.
            path: where it stands.
            known: canonical names.

        Returns:
            The path of each known key that has a value, by canonical name; the first spelling wins.
        """
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.say(Severity.WARNING, "WrongType", "expected a mapping of keys to values; it is not read", at=path)
            return {}
        found: dict[str, KeyPath] = {}
        for key, item in value.items():
            at = (*path, key)
            name = self._read_key(key, at, known)
            if name is None or item is None or item == "":
                continue
            if name in found:
                message = f"`{key}` means the same as `{found[name][-1]}`, which comes first and counts"
                self.say(Severity.WARNING, "DuplicateKey", message, at=at, hint="keep one of the two")
                continue
            found[name] = at
        return found

    def _read_key(self, key: str, at: KeyPath, known: tuple[str, ...]) -> str | None:
        plain = key.strip().lower().replace("_", "-")
        name = _OFFICIAL.get(plain, plain)
        if name not in known:
            hint = suggest(key, known)
            self.say(
                Severity.WARNING, "UnknownKey", f"unknown key `{clip(key, limit=80)}`; it is not read", at=at, hint=hint
            )
            return None
        if key not in (name, *_OFFICIAL):
            self.say(Severity.NOTE, "KeySpelling", f"`{clip(key, limit=80)}` is read as `{name}`", at=at)
        return name

    def read_text(self, keys: dict[str, KeyPath], name: str) -> str | None:
        """Read the text of a key; a number or truth value counts as written, with a warning; None when absent."""
        at = keys.get(name)
        if at is None:
            return None
        value = self.value_at(at)
        if isinstance(value, str):
            return value.strip() or None
        written = self.tree.texts.get(at)
        if written is None:
            self.say(Severity.WARNING, "WrongType", "expected text; it is not read", at=at)
            return None
        hint = f'put it in quotes: "{clip(written, limit=80)}"'
        message = "YAML readers take this for a number or a truth value; hublish reads it as written"
        self.say(Severity.WARNING, "WrongType", message, at=at, hint=hint, on_key=False)
        return written

    def value_at(self, path: KeyPath) -> Any:
        """The value at a path of the tree."""
        value = self.tree.value
        for part in path:
            value = value[part]
        return value
