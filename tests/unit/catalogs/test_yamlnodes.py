"""YAML text as nodes: what is read, where it stands, what is refused."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hublish.catalogs import yamlnodes
from hublish.catalogs.yamlnodes import make_data, parse_documents
from hublish.errors import CatalogInvalid

REPAIR = "Repair the file in the hub's repository: hublish edits only what it can read without doubt."


def read(text: str) -> list[object]:
    return [make_data(document) for document in parse_documents(text, path="list.yaml")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b\n---\n- 'c'\n", [{"a": "b"}, ["c"]]),
        ("---\n", [("null", "")]),
        ("", []),
        ("a: yes\nb: off\nc: 'yes'\nd: 1.0\n", [{"a": True, "b": False, "c": "yes", "d": ("float", "1.0")}]),
        ("{a: [b, ~]}", [{"a": ["b", ("null", "~")]}]),
        ("a: >-\n  b\n  c\n", [{"a": "b c"}]),
    ],
)
def test_documents_say_what_yaml_says(text: str, expected: list[object]) -> None:
    """Text, truth, other scalars, lists and mappings of every document are told apart."""

    assert read(text) == expected


def test_places_are_of_the_characters_themselves() -> None:
    """Start and end of a node cut exactly its own text out of the file, without what follows."""
    text = 'key: "ü" # note\nlist:\n- one\n- {a: b} # note\n\n# end\nlast: x\n'
    (root,) = parse_documents(text, path="list.yaml")
    pairs = root.pairs if isinstance(root, yamlnodes.Mapping) else ()
    shown = [(key.line, key.column, text[value.start : value.end]) for key, value in pairs]

    assert shown == [(1, 0, '"ü"'), (2, 0, "- one\n- {a: b}"), (7, 0, "x")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [\n", "list.yaml:3: not valid YAML: expected the node content, but found '<stream end>'"),
        ("a:\n\tb: 1\n", "list.yaml:2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\nb: \x01", "list.yaml:2: the character U+0001 is not allowed in YAML"),
        ('a: "\\UFFFFFFFF"', "list.yaml:1: not valid YAML: an escape or a number is out of range"),
        ("a: 1\nb: 2\na: 3\n", "list.yaml:3: the key 'a' stands in line 1 already"),
        ("a: &x 1\nb: *x\n", "list.yaml:2: the alias *x cannot be edited safely"),
        ("a: 1\n? [b]\n: c\n", "list.yaml:2: a key that is a list or a mapping cannot be edited safely"),
        ("[" * 33, "list.yaml:1: more than 32 levels of nesting"),
    ],
)
def test_doubtful_files_are_refused(text: str, message: str) -> None:
    """The message names the file, the line and what stands there."""
    with pytest.raises(CatalogInvalid) as caught:
        read(text)

    assert (caught.value.message, caught.value.hint) == (message, REPAIR)


def test_oversized_files_are_refused() -> None:
    """A list of images never needs more; the parser would be slow on it."""
    with pytest.raises(CatalogInvalid) as caught:
        read("#" * (128 * 1024 + 1))

    assert caught.value.message == "list.yaml: the file has 131073 characters; at most 131072 are read"


@given(st.text(st.sampled_from("abc:-[]{},'\"|>#&*!%@?~ \n\t\r\\0\x00\x85\ufeff"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail otherwise, and what it reads PyYAML reads as as many documents."""
    try:
        documents = parse_documents(text, path="list.yaml")
    except CatalogInvalid:
        return

    assert len(documents) == len(list(yaml.parse(text, Loader=yaml.SafeLoader))) - 2 - sum(
        not isinstance(event, yaml.DocumentStartEvent | yaml.StreamStartEvent | yaml.StreamEndEvent)
        for event in yaml.parse(text, Loader=yaml.SafeLoader)
    )
