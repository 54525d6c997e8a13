"""The blocks `api` and `schedule` of the operator's settings: what the service offers programs, and does by itself.

Part of `hublish.settings`, which reads them; a setting's description says why its default is what it is.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from hublish.enginesettings import Section


class ApiSettings(Section):
    """The HTTP API; it serves nobody until `hublish token create` made a token."""

    key_file: Path | None = Field(
        default=None,
        description="File of the key that the secrets of tokens are made from; all replicas and the machine where tokens are "
        "made need the same. None: one is made in `data`.",
    )
    requests_per_minute: int = Field(
        default=120,
        ge=1,
        description="Requests of one token, counted by each replica; more than a script that waits needs.",
    )


class ScheduleSettings(Section):
    """What happens without anybody asking, in repositories whose config says `triggers.schedule`."""

    bases_seconds: int | None = Field(
        default=86_400,
        ge=1,
        description="Between two looks whether the tag of a base has moved, a tenth more or less; a day, as bases are rebuilt "
        "about weekly. None: never.",
    )
