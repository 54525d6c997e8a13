"""A value of the wrong shape: the hint is the line to write, with what stands in the file in it."""

from __future__ import annotations

import pytest
from pydantic import Field

from hublish.core.config.model import ConfigModel
from hublish.core.trees.repair import find_spot, suggest_repair
from hublish.core.trees.yamlmodel import StrictModel, parse_model
from hublish.core.trees.yamltree import parse_tree


class _Host(StrictModel):
    port: int
    names: list[str] = Field(default=[])


class _File(StrictModel):
    hosts: dict[str, _Host] = Field(default={})
    groups: dict[str, list[str]] = Field(default={})


def hint(text: str, model: type[StrictModel] = ConfigModel) -> str:
    """The hint of the one fault of a text, but for the keys that a config has to have."""
    tree = parse_tree(text.encode(), path="file.yaml").tree
    assert tree is not None
    (found,) = (found for found in parse_model(tree, model).findings if found.code != "KeyMissing")
    assert found.line == text.count("\n") + 1
    return found.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("triggers: {push: main}", "write `push: [main]`"),
        ("triggers: {push: 'main, prod'}", "write `push: [main, prod]`"),
        ("triggers: {push: {branches: [main]}}", "write `push: [main]`"),
        ("triggers: {push: {branches: main}}", "write `push: [main]`"),
        ("triggers: {push: 3.10}", "write `push: ['3.10']`"),
        ("triggers: {push: {a: 1, b: 2}}", "write `push: [VALUE]`"),
        ("hubs: demo", "write `hubs: [demo]`"),
        ("images: {name: a.example/b}", "write `images: [{name: a.example/b}]`"),
        ("image:\n  name: a.example/b\n  tags: 'a: b'", "write `tags: [VALUE]`"),
    ],
)
def test_list_is_made_of_what_stands_there(text: str, expected: str) -> None:
    """One text, several with commas, the list of another service's files; else the shape alone."""
    assert hint(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limits: {time: 30}", "write `time: 30m`"),
        ("limits: {time: 30 minutes}", "write `time: 30m`"),
        ("limits: {time: soon}", ""),
        (
            "limits: {size: 8 GB}",
            (
                "write `size: 8G`; units are k, M, G, T (powers of 1000) and Ki, Mi, Gi, Ti (powers of 1024), without a "
                "space"
            ),
        ),
        ("resources: {memory: 8}", "write `memory: 8Gi`"),
        ("resources: {cpu: '0.5'}", "write `cpu: 0.5`"),
        ("resources: {gpu: '1'}", "write `gpu: 1`"),
        ("resources: {gpu: one}", ""),
        ("triggers: {label: [build]}", "write `label: build`"),
        ("triggers: {label: []}", ""),
        ("strategy: [layered]", "write `strategy: layered`"),
        ("system: {apt: [3.10, demo]}", 'put it in quotes: "3.10"'),
        ("hubs: [[demo]]", "write `demo` in `hubs`"),
        ("hubs: [{a: 1, b: 2}]", ""),
        ("approvers: {teams: ['@org/x', y]}", "write `x` in `teams`"),
        ("python: {dev: 'yes'}", "write `dev: true`"),
        (
            "approvers: {owners: [alice]}",
            "write `owners: true` or `owners: false` (The approvers of the file OWNERS at the top of the repository)",
        ),
        (
            "triggers: {prerelease: '0 3 * * *'}",
            "write `prerelease: true` or `prerelease: false` (A published pre-release)",
        ),
    ],
)
def test_single_value_gets_unit_quotes_or_its_own_kind(text: str, expected: str) -> None:
    """A text, a number or a switch, made of what stands there; nothing is proposed that would be refused."""
    assert hint(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image: a.example/b:1", "write `image: {name: a.example/b}` (`name`: Registry and repository, without a tag)"),
        ("limits: 30", "write `limits: {time: 30m}` (`time`: From its start to its end)"),
        (
            "approvers: [org/x, y]",
            (
                "write `approvers: {teams: [x, y]}` (`teams`: Teams of the organisation that owns the repository, by "
                "their slugs)"
            ),
        ),
        ("approvers: [owners: true, teams: [x]]", "write `approvers: {owners: true, teams: [x]}`"),
        ("triggers: [release, tag]", "write `triggers: {release: true, tag: true}`"),
        ("smoke: true", "write `smoke: {KEY: VALUE}`; the keys are notebooks, timeout"),
        ("smoke: []", "write `smoke: {KEY: VALUE}`; the keys are notebooks, timeout"),
        ("dockerfile: {args: [A=1, B=x=y]}", "write `args: {A: '1', B: x=y}`"),
        ("dockerfile: {args: A}", "write `args: {NAME: VALUE}`"),
    ],
)
def test_mapping_is_made_by_the_key_that_takes_the_value(text: str, expected: str) -> None:
    """The key is told with its meaning where it was guessed; where none takes the value, all keys are named."""
    assert hint(text) == expected


def test_value_too_long_to_read_gives_the_shape_alone() -> None:
    """A hint is one line."""
    assert hint(f"triggers: {{push: {'a' * 200}}}") == "write `push: [...]`"
    assert hint(f"triggers: {{label: [{'b' * 40}]}}") == f"write `label: {'b' * 40}`"
    assert hint(f"base: [a.example/{'b' * 130}:1]") == ""


def test_items_of_named_mappings_are_found() -> None:
    """Below a name of the file's own the model of the item counts."""
    assert hint("hosts: {a: {port: 1, names: x}}", _File) == "write `names: [x]`"
    assert hint("hosts: {a: {port: 1, names: [[x]]}}", _File) == "write `x` in `names`"
    assert hint("groups: {a: x}", _File) == "write `a: [x]`"


def test_number_whose_spelling_is_not_known_is_not_made_text() -> None:
    """As 3.10 would become 3.1."""
    assert (
        suggest_repair(find_spot(_File, ("groups", "a")), 3.1, kind="list_type", written=None) == "write `a: [VALUE]`"
    )


def test_secret_in_the_wrong_place_is_not_repeated() -> None:
    """Where values may be secrets the shape is all that is told, and of a single text nothing."""
    names, port = find_spot(_File, ("hosts", "a", "names")), find_spot(_File, ("hosts", "a", "port"))

    assert suggest_repair(names, "s3cret", kind="list_type", written=None, show_values=False) == "write `names: [...]`"
    assert suggest_repair(port, "7", kind="list_type", written=None, show_values=False) == ""
    assert suggest_repair(find_spot(_File, ("hosts", "a")), 7, kind="model_type", written="7", show_values=False) == (
        "write `a: {port: ...}` (`port`: )"
    )
