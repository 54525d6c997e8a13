"""Edits of YAML text: one change, every other byte kept, or a refusal."""

import pytest

from hublish.catalogs.yamledit import Place, append_pair, find_node, insert_item, replace_scalar
from hublish.catalogs.yamlnodes import parse_documents
from hublish.catalogs.yamlrender import New, render_flow, render_lines, render_scalar
from hublish.errors import CatalogInvalid

TAG: New = {"name": "v1", "from": {"kind": "DockerImage", "name": "r.example/x:v1"}, "importPolicy": {}}


@pytest.mark.parametrize(
    ("value", "style", "expected"),
    [
        ("plain-text", "", "plain-text"),
        ("r.example/x@sha256:12ab", "", "r.example/x@sha256:12ab"),
        ("it's", "'", "'it''s'"),
        ("x", '"', '"x"'),
        ("1.0", "", '"1.0"'),
        ("1e3", "", '"1e3"'),
        ("yes", "", '"yes"'),
        ("Y", "", '"Y"'),
        ("a: b", "", '"a: b"'),
        ("a #b", "", '"a #b"'),
        ("", "", '""'),
        ('say "ü"', "", "'say \"ü\"'"),
        ('say "ü"', '"', '"say \\"ü\\""'),
        ('it\'s "ü"', "", '"it\'s \\"ü\\""'),
        (True, "'", "true"),
        (False, "", "false"),
    ],
)
def test_scalars_are_quoted_when_they_must(value: str | bool, style: str, expected: str) -> None:
    """Text that a reader could take for something else is quoted; otherwise the neighbour's style holds."""

    assert render_scalar(value, style=style) == expected


def test_flow_text_follows_its_model() -> None:
    """Keys and values are quoted as in the sibling, and a list without one is plain."""
    (model,) = parse_documents('{"name": "a", "from": {\'kind\': b}}', path="x")
    item: New = {"name": "v1", "from": {"kind": "c"}, "more": ["d", True]}

    assert render_flow(item, model=model) == '{"name": "v1", "from": {\'kind\': c}, "more": [d, true]}'


def test_block_lines_nest() -> None:
    """Nested mappings and lists stand one step deeper; what is empty is written in flow style."""
    value: New = {"a": {"b": ["c", {"d": {}}]}, "e": []}

    assert render_lines(value, column=2, step=4) == [
        "  a:",
        "      b:",
        "          - c",
        "          - d: {}",
        "  e: []",
    ]


@pytest.mark.parametrize(
    ("text", "at", "value", "expected"),
    [
        ("a: 'x' # c\r\nb: y", (0, "a"), "it's", "a: 'it''s' # c\r\nb: y"),
        ("a:\n  x\n", (0, "a"), "z", "a:\n  z\n"),
        ("a: x", (0, "a"), "1.0", 'a: "1.0"'),
        ("---\na: 1\n---\na: [b, c]\n", (1, "a", 1), "d", "---\na: 1\n---\na: [b, d]\n"),
        ("a: >-\n  x\n  y\n\n# c\nb: 1\n", (0, "a"), "z", "a: >-\n  z\n\n# c\nb: 1\n"),
        ("a: |\n  x\n", (0, "a"), "z", "a: |\n  z\n"),
        ("a: true", (0, "a"), False, "a: false"),
    ],
)
def test_scalar_is_replaced_in_its_style(text: str, at: Place, value: str | bool, expected: str) -> None:
    """Quotes, folding, comments and line ends stay as they are."""

    assert replace_scalar(text, at=at, value=value, path="x") == expected


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("a: {b: c}", (0, "a"), "x:1: expected one value at a"),
        ("a: b", (0, "c", "d"), "x:1: expected one value at c.d"),
        ("a: b", (1,), "x:1: expected one value at the top of the file"),
        ("a: &z b", (0, "a"), "x:1: a value with an anchor or a tag cannot be edited safely"),
        ("a: !!str b", (0, "a"), "x:1: a value with an anchor or a tag cannot be edited safely"),
        ("a: |1\n  b\n", (0, "a"), "x:1: this part cannot be edited without changing another"),
        ("a: >\n", (0, "a"), "x:1: this part cannot be edited without changing another"),
    ],
)
def test_scalar_in_doubt_is_refused(text: str, at: Place, message: str) -> None:
    """Nothing is replaced that is not a bare value, or that would say something else than meant."""
    with pytest.raises(CatalogInvalid) as caught:
        replace_scalar(text, at=at, value="new", path="x")

    assert caught.value.message == message


LIST_EDITS = [
    ("r:\n  - a # c\n  - c\n  # d\n", 2, "d", "r:\n  - a # c\n  - c\n  - d\n  # d\n"),
    ("r:\n- a\n- c", 2, "d", "r:\n- a\n- c\n- d"),
    ("r:\r\n- a\r\n- c\r\n", 1, "b", "r:\r\n- a\r\n- b\r\n- c\r\n"),
    ("r:\n# first\n-   'b'\n", 0, "a", "r:\n# first\n-   'a'\n-   'b'\n"),
    ("r:\n-\n", 1, "a", "r:\n-\n- a\n"),
    ("r: [a, c]", 1, "b", "r: [a, b, c]"),
    ('r: ["b"]', 0, "a", 'r: ["a", "b"]'),
    ("r: [\n  a,\n  b,\n]\n", 2, "c", "r: [\n  a,\n  b,\n  c,\n]\n"),
    ("r:\n", 0, "a", "r:\n  - a\n"),
    ("r: # none\nk:\n    x: y\n", 0, "a", "r: # none\n    - a\nk:\n    x: y\n"),
    ("r: [] # none\nk: v", 0, "a", "r: # none\n  - a\nk: v"),
    ("r: null", 0, "a", "r:\n  - a"),
    ("{r: [], k: v}", 0, "a", "{r: [a], k: v}"),
    ("- - a\n  - b\n", 2, "c", "- - a\n  - b\n  - c\n"),
]


@pytest.mark.parametrize(("text", "index", "item", "expected"), LIST_EDITS)
def test_item_is_put_in_like_its_neighbours(text: str, index: int, item: str, expected: str) -> None:
    """Indentation, quotes, line ends, the missing final line end and every comment stay."""
    at = (0, 0) if text.startswith("- -") else (0, "r")

    assert insert_item(text, at=at, index=index, item=item, path="x") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "r:\n    -   from:\n            name: 'a'\n            kind: 'b'\n        name: \"c\"\n",
            """    -   from:
            kind: 'DockerImage'
            name: 'r.example/x:v1'
        name: "v1"
        importPolicy: {}
""",
        ),
        (
            "r:\n- {name: a}\n",
            "- {name: v1, from: {kind: DockerImage, name: r.example/x:v1}, importPolicy: {}}\n",
        ),
        (
            "r:\n- from:\n  name: a\n",
            "- from:\n    kind: DockerImage\n    name: r.example/x:v1\n  name: v1\n  importPolicy: {}\n",
        ),
        (
            "r:\n- a\n",
            "- name: v1\n  from:\n    kind: DockerImage\n    name: r.example/x:v1\n  importPolicy: {}\n",
        ),
    ],
)
def test_mapping_item_follows_order_and_steps(text: str, expected: str) -> None:
    """Order of keys, quotes and steps of indentation come from the item before."""

    assert insert_item(text, at=(0, "r"), index=1, item=TAG, path="x") == text + expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r: text", "x:1: expected a list at r"),
        ("k: v", "x:1: expected a list at r"),
        ("r: {a: b}", "x:1: expected a list at r"),
        ("r: &z [a]", "x:1: a value with an anchor or a tag cannot be edited safely"),
        ("r:\n- |+\n  a\n\n\nk: v\n", "x:2: this part cannot be edited without changing another"),
    ],
)
def test_item_in_doubt_is_refused(text: str, message: str) -> None:
    """No list, an anchor, or a neighbour whose text would change: nothing is put in."""
    with pytest.raises(CatalogInvalid) as caught:
        insert_item(text, at=(0, "r"), index=1, item="new", path="x")

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("s:\n    a: >-\n      x\n\n# c\nb: c\n", (0, "s"), "s:\n    a: >-\n      x\n    t:\n      - i\n\n# c\nb: c\n"),
        ("a: b", (0,), "a: b\nt:\n  - i"),
        ("s: {a: b}\n", (0, "s"), "s: {a: b, t: [i]}\n"),
    ],
)
def test_key_is_put_at_the_end(text: str, at: Place, expected: str) -> None:
    """A new key follows the last value of its mapping, before blank lines and comments."""

    assert append_pair(text, at=at, key="t", value=["i"], path="x") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t: 1", "x:1: expected a mapping without 't' at the top of the file"),
        ("- a", "x:1: expected a mapping without 't' at the top of the file"),
        ("", "x:1: expected a mapping without 't' at the top of the file"),
        ("{}", "x:1: expected a mapping without 't' at the top of the file"),
        ("&z\na: b", "x:1: a value with an anchor or a tag cannot be edited safely"),
    ],
)
def test_key_in_doubt_is_refused(text: str, message: str) -> None:
    """A key that is there already, or no mapping to put it in, is refused."""
    with pytest.raises(CatalogInvalid) as caught:
        append_pair(text, at=(0,), key="t", value=["i"], path="x")

    assert caught.value.message == message


def test_nothing_is_found_off_the_tree() -> None:
    """An index past the end, an index into a mapping and a key of a list lead nowhere."""
    documents = parse_documents("a: [b]", path="x")

    assert [find_node(documents, at) for at in [(0, "a", 1), (0, 0), (0, "a", "b"), (3,)]] == [None] * 4
