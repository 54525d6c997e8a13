"""The golden table of old configs: what hublish makes of each variant of `.aicoe-ci.yaml` that is in use.

`python -m tests.golden.legacy_configs` writes `legacy_configs.txt` anew; review its diff.
"""

from __future__ import annotations

from pathlib import Path

from hublish.core.config.document import list_settings
from hublish.core.config.file import parse_config
from hublish.core.config.migration import migrate_config
from hublish.core.finding import Finding

FOLDER = Path(__file__).parent / "legacy"
SUFFIX = ".aicoe-ci.yaml"
TABLE = Path(__file__).with_suffix(".txt")
HEADER = """\
# What hublish reads in each variant of the old config, what it says about it, and what `hublish migrate`
# makes of it. Written by `python -m tests.golden.legacy_configs`; review the diff.
"""


def list_variants() -> tuple[Path, ...]:
    """The files of the variants, by name."""
    return tuple(sorted(FOLDER.glob(f"*{SUFFIX}")))


def render_table() -> str:
    """Each variant: its findings, what is set, and the new file made from it."""
    return HEADER + "".join(_render_variant(path) for path in list_variants())


def migrate(path: Path) -> str:
    """The new file that a variant is carried over into, in a repository without a Dockerfile."""
    made = migrate_config(path.read_bytes(), name=SUFFIX, repository_name="ts", has=lambda _: False)
    return made.text or ""


def _render_variant(path: Path) -> str:
    body = path.read_bytes()
    parsed = parse_config(body, path=SUFFIX, repository_name="ts")
    lines = [f"\n== {path.name.removesuffix(SUFFIX)}", *map(_render_finding, parsed.findings)]
    if parsed.config is not None:
        settings = list_settings(parsed.config, body)
        lines += [f"{setting.key}: {setting.value}" for setting in settings if setting.given]
        lines += ["-- migrated", migrate(path).rstrip()]
    return "\n".join(lines) + "\n"


def _render_finding(finding: Finding) -> str:
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{finding.line}:{finding.column} {finding.severity.value}: {finding.message}{hint}"


if __name__ == "__main__":
    TABLE.write_text(render_table(), encoding="utf-8")
