"""What a folder on this machine stands for when it says nothing itself."""

import json

from hublish.cli.folder import make_default_config
from hublish.core.config.file import parse_config


def test_a_folder_without_a_config_is_built_by_the_defaults_of_the_file() -> None:
    """What a folder gets that has no config is what the shortest config file says."""
    shortest = json.dumps({"version": 1, "image": {"name": "localhost/ts"}})
    expected = parse_config(shortest.encode(), path=".hublish.yaml")

    assert make_default_config("ts") == expected
