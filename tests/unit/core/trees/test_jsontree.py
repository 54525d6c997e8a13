"""JSON with the line of every key, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.finding import Finding, Severity
from hublish.core.trees.jsontree import JSONTree, parse_json

LIMIT_BYTES = 1000


def test_every_key_and_every_object_in_a_list_has_its_line() -> None:
    """Lines are those of the file, whatever strings hold and however it is laid out."""
    text = '{\n "a": {"b,": ["{", {"c": 1}\n, []]},\n\n "d\\"\\u0065": "x\\n:", "f": null}'
    expected = JSONTree(
        path="f.json",
        value={"a": {"b,": ["{", {"c": 1}, []]}, 'd"e': "x\n:", "f": None},
        lines={
            ("a",): 2,
            ("a", "b,"): 2,
            ("a", "b,", 1): 2,
            ("a", "b,", 1, "c"): 2,
            ("a", "b,", 2): 3,
            ('d"e',): 5,
            ("f",): 5,
        },
    )

    parsed = parse_json(text.encode(), path="f.json", limit_bytes=LIMIT_BYTES)

    assert (parsed.tree, parsed.findings) == (expected, ())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b" " * 1001, ("FileTooLarge", 1, None, "the file has 1001 bytes; at most 1000 are read")),
        (b'{"a":\n"\xff"}', ("NotUTF8", 2, None, "the file is not UTF-8 at byte 7")),
        (b'{\n"a" 1}', ("JSONInvalid", 2, 5, "the file is not JSON: Expecting ':' delimiter")),
        (b"", ("JSONInvalid", 1, 1, "the file is not JSON: Expecting value")),
        (b"<html>", ("JSONInvalid", 1, 1, "the file is not JSON: Expecting value")),
        (b'{"a": NaN}', ("JSONInvalid", 1, None, "the file holds a number or a nesting that is not read")),
    ],
)
def test_file_that_cannot_be_read_gives_one_fault(
    body: bytes, expected: tuple[str, int, int | None, str | None]
) -> None:
    """Size, encoding and syntax end the reading at their line."""
    parsed = parse_json(body, path="f.json", limit_bytes=LIMIT_BYTES)
    (found,) = parsed.findings
    code, line, column, message = expected

    assert parsed.tree is None
    assert (found.code, found.line) == (code, line)
    assert message is None or (found.column, found.message) == (column, message)


@pytest.mark.parametrize("body", [b"[" * 200_000, b"9" * 5000])
def test_numbers_and_nesting_without_end_are_refused(body: bytes) -> None:
    """The interpreter's own limits surface as a finding."""
    parsed = parse_json(body, path="f.json", limit_bytes=10**6)

    assert [found.code for found in parsed.findings] == ["JSONInvalid"]


@pytest.mark.parametrize("item", [b"[],", b"1,", b"\n"])
def test_file_of_nothing_but_items_is_refused_before_it_is_read(item: bytes) -> None:
    """A few megabytes of brackets, numbers or lines would take gigabytes as data."""
    parsed = parse_json(b"[" + item * 1_000_001 + b"1]", path="f.json", limit_bytes=10**7)

    assert [(found.code, found.message) for found in parsed.findings] == [
        ("TooManyItems", "the file has more than 1000000 lines, keys and items")
    ]


def test_key_that_stands_twice_is_a_fault_with_both_lines() -> None:
    """Also when an escape hides that two keys are the same, and at any depth."""
    parsed = parse_json(b'{"a": [{"x": 1,\n"\\u0078": 2}]}', path="f.json", limit_bytes=LIMIT_BYTES)

    assert parsed.findings == (
        Finding(
            severity=Severity.ERROR,
            code="DuplicateKey",
            message="the key stands in line 1 and again in line 2",
            hint="keep one of the two",
            path="f.json",
            line=1,
            key="a[0].x",
        ),
    )


def test_finding_about_a_missing_item_stands_at_its_nearest_parent() -> None:
    """An item without a line of its own is placed at its parent, and the whole file at line 1."""
    parsed = parse_json(b'\n{"a": ["x"]}', path="f.json", limit_bytes=LIMIT_BYTES)

    assert parsed.tree is not None
    assert parsed.tree.make_finding("X", "m", at=("a", 0)).line == 2
    assert parsed.tree.make_finding("X", "m", at=()).line == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


@given(JSON, st.sampled_from([None, 0, 2]))
def test_lines_agree_with_a_file_of_one_key_a_line(value: object, indent: int | None) -> None:
    """Every key of any JSON value has a line, on which it stands."""
    text = json.dumps(value, indent=indent)
    parsed = parse_json(text.encode(), path="f.json", limit_bytes=10**6)

    assert parsed.findings == ()
    assert parsed.tree is not None
    assert parsed.tree.value == value
    rows = text.split("\n")
    for path, line in parsed.tree.lines.items():
        if isinstance(path[-1], str):
            assert json.dumps(path[-1]) in rows[line - 1]


@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_a_fault(body: bytes) -> None:
    """No input raises."""
    parsed = parse_json(body, path="f.json", limit_bytes=LIMIT_BYTES)

    assert parsed.tree is not None or parsed.findings
