"""What a user's options and settings say about the workbench, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.core.reference import Reference

if TYPE_CHECKING:
    from hublish.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchOptions:
    """What the workbench may use.

    Attributes:
        environ: of the user's process: pip's configuration, proxies and `${VAR}` in locks are read from it.
        cache: folder for wheels, layers and facts of bases.
        plain_http: registry and index hosts that are spoken to without TLS.
        index_map: host of a lock's index, or its URL -> base URL used instead.
        bases: Python version -> default base image; the settings' count too.
        settings: the operator's settings, or None.
        workers: processes at work; None takes one per core.
        check_packages: planning looks whether the packages fit together, which may fetch them.
        cache_key: signs the layer indexes of registries; None leaves those out.
        cache_repositories: whose indexes are asked, in this order.
        engine: container engine of Dockerfile and source builds, "buildah" or "docker"; None takes what works here.
        build_secrets: id -> file: what `RUN --mount=type=secret` is given.
    """

    environ: Mapping[str, str] = field(repr=False)
    cache: Path
    plain_http: frozenset[str]
    index_map: Mapping[str, str]
    bases: Mapping[str, str]
    settings: Settings | None
    workers: int | None
    check_packages: bool = False
    cache_key: Path | None = None
    cache_repositories: tuple[Reference, ...] = ()
    engine: str | None = None
    build_secrets: Mapping[str, Path] = field(default_factory=dict)
