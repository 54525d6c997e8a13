"""The fields of an issue, as GitHub renders a form and as older templates hold them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.github.issue_form import FIELDS_LIMIT, Field, choose_fields, parse_form, parse_lines

RENDERED = """### Ref

v1.2

### Images

_No response_

### What else?

Many words
in two lines
"""
NAMES = {"ref": "ref", "repository name": "name"}


@pytest.mark.parametrize("body", [RENDERED, RENDERED.replace("\n", "\r\n"), f"Some text before\n\n{RENDERED}"])
def test_every_heading_is_a_field(body: str) -> None:
    """With its text; what GitHub writes for an empty one is nothing."""
    expected = (
        Field(name="Ref", text="v1.2"),
        Field(name="Images", text=""),
        Field(name="What else?", text="Many words\nin two lines"),
    )

    assert parse_form(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        None,
        "Ref: v1",
        "## Ref\n\nv1",
        "####  Ref\n\nv1",
        "###Ref\nv1",
        "    ### Ref\n\nv1",
        "<!--\n### Ref\nv1\n-->",
    ],
)
def test_text_without_a_field_is_no_form(body: str | None) -> None:
    """Other headings, code and comments are text."""
    assert parse_form(body) == ()


def test_heading_in_a_code_block_is_text() -> None:
    """A field that GitHub renders as code holds whatever people wrote, up to the end of the block."""
    body = "### Notes\n\n````text\n### Ref\n```\n### Ref\n````\n\n### Ref\n\n```shell\nv1\n```\n"
    expected = (Field(name="Notes", text="### Ref\n```\n### Ref"), Field(name="Ref", text="v1"))

    assert parse_form(body) == expected


def test_fields_beyond_the_limit_are_text_of_the_last() -> None:
    """A hostile body costs no more than a long one."""
    fields = parse_form("### a\n" * 1_000)

    assert len(fields) == FIELDS_LIMIT


def test_lines_of_a_template_are_fields() -> None:
    """Markup around the name and the value does not count; other lines with a colon are text."""
    body = "**Detail required:**\n_Repository Name_: <ts>\n- **Ref**: `v1`\nSee https://example.com/\n"
    expected = (Field(name="Repository Name", text="<ts>"), Field(name="Ref", text="v1"))

    assert parse_lines(body, NAMES) == expected


def test_different_texts_of_one_meaning_are_all_told() -> None:
    """Equal and empty ones count once and not at all; what has no meaning is left out."""
    fields = tuple(Field(name=name, text=text) for name, text in [("Ref", "a"), ("REF", "a"), (" ref", ""), ("x", "y")])

    assert choose_fields(fields, NAMES) == {"ref": ("a",)}
    assert choose_fields((*fields, Field(name="ref", text="b")), NAMES) == {"ref": ("a", "b")}


@given(st.text(alphabet="#`~ \t\nab<!->_*", max_size=400))
def test_any_body_gives_fields(body: str) -> None:
    """Names are never empty, and no text holds what stands for nothing."""
    for field in parse_form(body):
        assert field.name.strip()
        assert field.text != "_No response_"
