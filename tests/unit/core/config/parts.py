"""Config files as tests write them."""

from hublish.core.config.file import (
    ParsedConfig,
    parse_config,
)


def parse(text: str) -> ParsedConfig:
    """Parse a text as `.hublish.yaml`."""
    return parse_config(text.encode(), path=".hublish.yaml")
