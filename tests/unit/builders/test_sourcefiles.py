"""Files of a source tree that are read whole: bounded, and never through a link."""

from __future__ import annotations

import pytest

from hublish.builders import sourcefiles
from hublish.builders.sourcefiles import read_config, read_source_file
from hublish.core.config.file import ParsedConfig
from hublish.errors import SourceInvalid
from tests.fakes import FakeSource

CONFIG = b"version: 1\nimage: {name: registry.example.org/team/ts}\n"


def test_config_of_a_tree_is_read():
    """The first of the known names counts."""
    source = FakeSource({".hublish.yaml": CONFIG, ".aicoe-ci.yaml": b"not: read"})

    parsed = read_config(source, repository_name="ts")

    assert (parsed.config.path, parsed.findings) == (".hublish.yaml", ())


def test_tree_without_a_config_has_none():
    """No file is no fault here."""
    expected = ParsedConfig(config=None, findings=())

    assert read_config(FakeSource({"README.md": b"x"}), repository_name=None) == expected


def test_huge_file_is_refused_before_it_is_read(monkeypatch):
    """A repository may hold gigabytes under any name; they never reach the memory."""
    monkeypatch.setattr(sourcefiles, "READ_LIMIT_BYTES", 8)

    with pytest.raises(SourceInvalid) as caught:
        read_source_file(FakeSource({"Pipfile.lock": b"123456789"}), "Pipfile.lock")

    assert caught.value.message == "Pipfile.lock has 9 bytes; at most 8 are read"


def test_config_that_is_a_link_is_refused():
    """What a link leads to is not what the tree lists under that name."""
    source = FakeSource({".hublish.yaml": "-> elsewhere", "elsewhere": CONFIG})

    with pytest.raises(SourceInvalid) as caught:
        read_config(source, repository_name="ts")

    assert caught.value.message == ".hublish.yaml is no file of the source tree"
