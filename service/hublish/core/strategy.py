"""Which strategy builds an image, why, and which files that leaves aside; said before any work starts."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.config.file import Config, DockerfileConfig
from hublish.core.locks.choice import LOCK_NAMES, PIPFILE_LOCK
from hublish.core.plan import Strategy

DOCKERFILE_NAMES = ("Dockerfile", "Containerfile")


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChoice:
    """A choice, its reason in one sentence for people, and the files another strategy would have used."""

    strategy: Strategy
    reason: str
    ignored: tuple[str, ...]


def choose_strategy(config: Config, paths: frozenset[str]) -> StrategyChoice:
    """Choose by the config file, else by the files present.

    Args:
        config: the config; a legacy one has the ancestor's order (Dockerfile, Containerfile, source-to-image).
        paths: all paths of the source tree.
    """
    dockerfiles = _list_dockerfiles(config, paths)
    lock = config.python.lock or next((name for name in LOCK_NAMES if name in paths), PIPFILE_LOCK)
    locks = tuple(sorted({lock, lock.removesuffix(".lock")} & paths))
    if config.strategy is not None:
        strategy, reason = config.strategy, f"{config.path} says so."
    elif dockerfiles:
        strategy, reason = Strategy.DOCKERFILE, f"The repository holds {dockerfiles[0]}."
    elif config.legacy:
        strategy, reason = Strategy.SOURCE, f"{config.path} names no strategy and there is no Dockerfile."
    else:
        strategy, reason = Strategy.LAYERED, "There is no Dockerfile, so the image is made from the locked packages."
    ignored = {
        Strategy.DOCKERFILE: (*dockerfiles[1:], *locks),
        Strategy.SOURCE: dockerfiles,
        Strategy.LAYERED: dockerfiles,
    }
    return StrategyChoice(strategy=strategy, reason=reason, ignored=tuple(sorted(ignored[strategy])))


def find_dockerfile(config: Config, paths: frozenset[str]) -> str:
    """The path of the Dockerfile that is built; the one that is named or usual when there is none."""
    block = config.dockerfile or DockerfileConfig()
    usual = _make_prefix(block) + DOCKERFILE_NAMES[0]
    return block.path or (*_list_dockerfiles(config, paths), usual)[0]


def list_dockerfile_paths(config: Config) -> tuple[str, ...]:
    """The paths at which a Dockerfile would be found: the one that is named, then the usual ones."""
    block = config.dockerfile or DockerfileConfig()
    usual = (_make_prefix(block) + name for name in DOCKERFILE_NAMES)
    return tuple(dict.fromkeys(path for path in (block.path, *usual) if path is not None))


def _list_dockerfiles(config: Config, paths: frozenset[str]) -> tuple[str, ...]:
    return tuple(path for path in list_dockerfile_paths(config) if path in paths)


def _make_prefix(block: DockerfileConfig) -> str:
    return "" if block.context == "." else block.context + "/"
