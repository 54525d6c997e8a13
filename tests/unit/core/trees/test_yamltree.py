"""YAML of a repository: what is read, and everything that is refused with its place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hublish.core.finding import Finding, Severity
from hublish.core.place import Place
from hublish.core.trees.yamlevents import DEPTH_LIMIT, NODE_LIMIT
from hublish.core.trees.yamltree import SIZE_LIMIT_BYTES, Tree, parse_tree


def faults(body: bytes | str) -> list[tuple[str, int | None, int | None, str | None]]:
    """Code, line, column and key of each finding."""
    parsed = parse_tree(body.encode() if isinstance(body, str) else body, path="f.yaml")
    return [(found.code, found.line, found.column, found.key) for found in parsed.findings]


def read(text: str) -> Tree:
    """The tree of a text that has no fault."""
    parsed = parse_tree(text.encode(), path="f.yaml")
    assert parsed.findings == ()
    assert parsed.tree is not None
    return parsed.tree


def test_scalars_are_read_as_safe_loader_reads_them_and_dates_stay_text() -> None:
    """Plain scalars become null, truth values and numbers; quoted ones and dates are text."""
    text = 'a: [~, yes, 0x10, 1.0e+3, .inf, 3.10, "3.10", 2024-01-01, text, 1:30]\n'
    expected = [None, True, 16, 1000.0, float("inf"), 3.1, "3.10", "2024-01-01", "text", 90]

    assert read(text).value == {"a": expected}


def test_places_and_texts_are_those_of_the_file() -> None:
    """Each key and value knows its line and column, and plain scalars their text as written."""
    tree = read("---\na:\n  - 1.50\n  - {b: x}\n")

    assert tree == Tree(
        path="f.yaml",
        value={"a": [1.5, {"b": "x"}]},
        places={
            (): Place(line=2, column=1),
            ("a",): Place(line=3, column=3),
            ("a", 0): Place(line=3, column=5),
            ("a", 1): Place(line=4, column=5),
            ("a", 1, "b"): Place(line=4, column=9),
        },
        key_places={("a",): Place(line=2, column=1), ("a", 1, "b"): Place(line=4, column=6)},
        texts={("a", 0): "1.50", ("a", 1, "b"): "x"},
        broken=frozenset(),
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\ufeff"])
def test_file_without_content_is_a_tree_without_value(text: str) -> None:
    """An empty file, a comment, an empty document and a lone byte order mark hold None."""

    assert read(text).value is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a: 1\nb: &x 2\n", [("AnchorFound", 2, 4, "b")]),
        ("a: &x 1\nb: *x\n", [("AnchorFound", 1, 4, "a"), ("AliasFound", 2, 4, "b")]),
        ("a: !!python/name:os.system x\n", [("TagFound", 1, 4, "a")]),
        ("a: 1\nb: 2\na: [3, {}]\n", [("DuplicateKey", 3, 1, "a")]),
        ("[a]: 1\nb: 2\n", [("KeyInvalid", 1, 1, None)]),
        ('"\\0": 1\n', [("KeyInvalid", 1, 1, None)]),
        ('a: "\\e"\n', [("ControlCharacter", 1, 4, "a")]),
        ('a: "\\uD800"\n', [("ControlCharacter", 1, 4, "a")]),
        ("a: 0x_\n", [("NumberInvalid", 1, 4, "a")]),
        (f"a: {'9' * 5000}\n", [("NumberInvalid", 1, 4, "a")]),
        ("a: 1\n---\nb: 2\n", [("SecondDocument", 2, 1, None)]),
    ],
)
def test_fault_of_one_item_leaves_the_rest_readable(body: str, expected: list[tuple[str, int, int, str]]) -> None:
    """Anchors, aliases, tags, duplicate keys, unreadable keys and scalars are named; the tree is there all the same."""
    parsed = parse_tree(body.encode(), path="f.yaml")

    assert faults(body) == expected
    assert parsed.tree is not None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a: 1\n" + b"#" * SIZE_LIMIT_BYTES, [("FileTooLarge", 1, 1, None)]),
        (b"a: " + b"x" * 10_000_000, [("FileTooLarge", 1, 1, None)]),
        (b"a: 1\nb: \xff\n", [("NotUTF8", 2, 1, None)]),
        ("a: ü\n".encode("utf-16"), [("NotUTF8", 1, 1, None)]),
        (b"a: 1\nb: \x1b\n", [("ControlCharacter", 2, 4, None)]),
        (b"a:\n\tb: 1\n", [("TabFound", 2, 1, None)]),
        (b"a:\n  b: 1\n \tc: 1\n", [("TabFound", 3, 2, None)]),
        (b"a: b: c\n", [("YAMLInvalid", 1, 5, None)]),
        (b"a: [1, 2\n", [("YAMLInvalid", 2, 1, None)]),
        (b'a: "x\n', [("YAMLInvalid", 2, 1, None)]),
        (b'a: "\\UFFFFFFFF"\n', [("YAMLInvalid", 1, 2, None)]),
        (b'"\\UFFFFFFFF"', [("YAMLInvalid", 1, 1, None)]),
        (b"a: " + b"[" * (DEPTH_LIMIT + 1), [("TooDeep", 1, 23, None)]),
        (b"[" * 60_000, [("TooDeep", 1, 21, None)]),
        (b"- 1\n" * NODE_LIMIT, [("TooManyItems", 4998, 3, None)]),
    ],
)
def test_file_that_cannot_be_read_gives_one_fault_and_no_tree(
    body: bytes, expected: list[tuple[str, int, int, None]]
) -> None:
    """Size, encoding, tabs, broken syntax, depth and number of items end the reading at the fault."""
    parsed = parse_tree(body, path="f.yaml")

    assert faults(body) == expected
    assert parsed.tree is None


def test_finding_of_a_tab_says_what_to_do() -> None:
    """A tab is named as such, because the parser's own words do not help."""
    expected = Finding(
        severity=Severity.ERROR,
        code="TabFound",
        message="a tab stands where YAML allows only spaces",
        hint="replace each tab by spaces",
        path="f.yaml",
        line=2,
        column=1,
    )

    assert parse_tree(b"a:\n\tb: 1\n", path="f.yaml").findings == (expected,)


def test_finding_about_a_missing_item_stands_at_its_nearest_parent() -> None:
    """A key that is not there is placed at the key that should hold it, or at the top."""
    tree = read("\na:\n  b: 1\n")

    found = [
        tree.make_finding("X", "m", at=at, on_key=on_key)
        for at, on_key in [(("a", "b"), False), (("a", "b"), True), (("a", "c"), False), (("c",), True), ((), False)]
    ]

    assert [(finding.line, finding.column) for finding in found] == [(3, 6), (3, 3), (2, 1), (2, 1), (2, 1)]


@given(st.binary(max_size=300))
@example(b"!\xc3\xa4 a")
@example(b"%YAML 1." + b"9" * 5000 + b"\n---\n")
def test_any_bytes_give_a_tree_or_a_fault(body: bytes) -> None:
    """No input raises, and without a tree there is at least one finding with a place."""
    parsed = parse_tree(body, path="f.yaml")

    assert parsed.tree is not None or parsed.findings
    assert all(found.line is not None and found.column is not None for found in parsed.findings)


@given(st.text(alphabet="ab:-[]{},\"'\\#&*!|>%@`?~ \n\t0.9xUeN<=", max_size=60))
def test_any_text_made_of_yaml_signs_gives_a_tree_or_a_fault(text: str) -> None:
    """Text that looks like YAML never raises, and its findings stand in the file."""
    parsed = parse_tree(text.encode(), path="f.yaml")

    assert parsed.tree is not None or parsed.findings
    assert all(1 <= (found.line or 0) <= text.count("\n") + 2 for found in parsed.findings)
