"""Build arguments: those every engine knows by itself, and those of a config that no ARG asks for.

Source:
    Dockerfile reference, "Predefined ARGs" and "Automatic platform ARGs in the global scope".
"""

from __future__ import annotations

from hublish.builders.dockerfile.instructions import Instructions
from hublish.core.finding import Finding, Severity
from hublish.core.suggestion import suggest
from hublish.errors import clip

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
# What engines take without an ARG.
PREDEFINED = frozenset({*_PROXIES, *(name.lower() for name in _PROXIES), "SOURCE_DATE_EPOCH"})


def make_platform_values(platform: str) -> dict[str, str]:
    """Make the arguments that tell the platform; images are built on the platform they are for.

    Args:
        platform: `os/architecture` or `os/architecture/variant`.
    """
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    parts = {"PLATFORM": platform, "OS": system, "ARCH": architecture, "VARIANT": variant}
    return {side + name: value for side in ("TARGET", "BUILD") for name, value in parts.items()}


def check_arguments(
    args: tuple[tuple[str, str], ...], parsed: Instructions, *, path: str, config_path: str
) -> tuple[Finding, ...]:
    """Warn of arguments that the Dockerfile does not declare.

    Args:
        args: `(name, value)` of the config.
        parsed: the Dockerfile.
        path: of the Dockerfile.
        config_path: of the config, where the findings stand.
    """
    declared = {word.text.partition("=")[0] for item in parsed.items if item.name == "ARG" for word in item.words}
    return tuple(
        Finding(
            severity=Severity.WARNING,
            code="ArgumentUnused",
            message=f"{clip(path)} has no ARG {name}, so the argument has no effect",
            hint=suggest(name, tuple(sorted(declared))),
            path=config_path,
            key=f"dockerfile.args.{name}",
        )
        for name, _ in args
        if name not in declared | PREDEFINED
    )
