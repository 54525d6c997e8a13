"""Every variant of `.aicoe-ci.yaml` in use: what is read of it and what is said about it, as a golden table."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.core.config.file import check_config_names, parse_config
from hublish.core.finding import has_error
from tests.golden.legacy_configs import SUFFIX, TABLE, list_variants, migrate, render_table

# Nothing can be built from these: no image is asked for, or the file is no YAML.
WITHOUT_IMAGE = {"custom-build-only", "empty-checks-only", "mixed-indentation"}


def test_what_is_read_of_each_variant_is_the_golden_table() -> None:
    """Keys that are old, ignored or misspelt are told with their place; the rest is read as before."""
    assert render_table() == TABLE.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", list_variants(), ids=lambda path: path.name.removesuffix(SUFFIX))
def test_variant_that_built_an_image_still_does(path: Path) -> None:
    """Only a file that never said where to push, or cannot be read, is an error."""
    parsed = parse_config(path.read_bytes(), path=SUFFIX, repository_name="ts")

    assert has_error(parsed.findings) is (path.name.removesuffix(SUFFIX) in WITHOUT_IMAGE)


@pytest.mark.parametrize("path", list_variants(), ids=lambda path: path.name.removesuffix(SUFFIX))
def test_variant_is_carried_over_into_a_config_without_a_finding(path: Path) -> None:
    """What `hublish migrate` writes is valid and leaves nothing to warn of; of a broken file it makes nothing."""
    text = migrate(path)
    parsed = parse_config(text.encode(), path=".hublish.yaml")

    assert (text == "") is (path.name.removesuffix(SUFFIX) in WITHOUT_IMAGE)
    assert text == "" or (parsed.config is not None and parsed.findings == ())


@pytest.mark.parametrize("name", ["aicoe-ci.yaml", "aicoe-ci.yml", ".aicoe-ci.yml"])
def test_file_without_its_dot_is_told_apart(name: str) -> None:
    """A name that is nearly right is not read, and the command that mends it is named."""
    (finding,) = check_config_names(frozenset({name}))

    assert finding.hint == f"rename it: `git mv {name} .aicoe-ci.yaml`"
