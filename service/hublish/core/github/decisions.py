"""What may become of a trigger, as values; the rules are `triggers` and `heads`."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The build goes on; `reason` says who asked for what, for the run's record."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The run ends silently; `reason` stands in its record."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """The run ends with one answer.

    Attributes:
        code: stable CamelCase name of the rule.
        reason: why not, one sentence; foreign text in it is limited to what refs and logins may hold.
        hint: what to do.
        findings: the faults of the config file; empty for other rules.
    """

    code: str
    reason: str
    hint: str
    findings: tuple[Finding, ...] = ()


Decision = Build | Skip | Deny
