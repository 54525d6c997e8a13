"""The block `registries` of the operator's settings: how each registry is reached, and who may push where.

Part of `hublish.settings`, which reads it; a setting's description says why its default is what it is.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from hublish.enginesettings import Section


class RegistrySettings(Section):
    """One registry."""

    auth_file: Path | None = Field(default=None, description="A docker config.json; None for anonymous access.")
    pull_auth_file: Path | None = Field(
        default=None,
        description="The same with logins that only read, for the Step of a pod that fetches, which needs one to read layer "
        "indexes of private repositories and private bases with `system.apt`; None: it is given the logins of `auth_file` that "
        "cover the other bases.",
    )
    plain_http: bool = Field(default=False, description="HTTP instead of HTTPS; off, as passwords would be readable.")
    token_hosts: list[str] = Field(
        default_factory=list, description="Hosts of its token service that may be sent the credentials."
    )
    namespaces: dict[str, list[str]] = Field(
        default_factory=dict,
        description='Repository owner ("*" for all) to the prefixes they may push to and nobody else may build on; empty: nobody may push.',
    )
