"""The block `limits` of the operator's settings: what builds and the service may use, and how many builds run and wait.

Part of `hublish.settings`, which reads it; a setting's description says why its default is what it is.
"""

from __future__ import annotations

from pydantic import Field

from hublish.enginesettings import Section


class QueueSettings(Section):
    """Builds at work and builds that wait, on all replicas together."""

    builds: int | None = Field(
        default=None, ge=1, description="Builds at the same time; None: as many as the engines have slots."
    )
    per_owner: int | None = Field(
        default=None,
        ge=1,
        description="Of one owner at the same time; None, as owners take turns and a free slot is of use to nobody.",
    )
    per_repo: int | None = Field(default=None, ge=1, description="Of one repository at the same time; None likewise.")
    waiting: int = Field(default=1000, ge=1, description="Builds that may wait; days of work, and then an answer.")
    waiting_per_owner: int = Field(
        default=100, ge=1, description="Of one owner; more than any release day has, less than a script makes."
    )


class LimitSettings(Section):
    """What a build and the service may use."""

    queue: QueueSettings = Field(
        default_factory=QueueSettings, description="Builds at work and builds that wait, on all replicas together."
    )
    build_seconds: int = Field(default=3600, ge=1, description="Ceiling over `limits.time` of any config.")
    tag_wait_seconds: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="How long a pushed tag waits for a release of its name, so that both get one answer; GitHub tells of "
        "both within seconds.",
    )
    image_bytes: int = Field(default=16 << 30, ge=1, description="Ceiling over `limits.size` of any config.")
    pull_request_tags: bool = Field(
        default=False,
        description="Configs may have what a pull request builds pushed as `pr-<number>`; off, as nobody removes such tags.",
    )
    cache_bytes: int = Field(
        default=20 << 30, ge=0, description="Layers and byte-code kept on disk; what was not used for longest goes."
    )
    webhook_bytes: int = Field(default=25 << 20, ge=1, description="GitHub sends at most 25 MB.")
    source_bytes: int = Field(default=2 << 30, ge=1, description="Unpacked size of a repository.")
    source_files: int = Field(default=200_000, ge=1, description="Number of files of a repository.")
