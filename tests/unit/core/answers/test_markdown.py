"""Foreign text in Markdown: it is shown, never interpreted."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hublish.core.answers.markdown import cell, code_block, code_span, escape_inline, link, no_mention
from hublish.errors import clip

BREAK = "\u200b"
NASTY = st.text(
    st.one_of(st.sampled_from("\\`*_[]()<>#~|!$&@{}-+=.:1a \t\n\r\u200b\u202e"), st.characters()), max_size=60
)


class TextOf(HTMLParser):
    """Collects the text of rendered HTML and the tags it met."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def render(markdown: str) -> TextOf:
    reader = TextOf()
    reader.feed(MarkdownIt("gfm-like", {"linkify": False}).render(markdown))
    return reader


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, v1.2.3 (ok)", "plain words, v1.2.3 (ok)"),
        ("@team fixes #1, GH-12 and o/r#3", f"@{BREAK}team fixes \\#{BREAK}1, GH{BREAK}-12 and o/r\\#{BREAK}3"),
        ("https://evil.example/a www.evil.example", f"https:{BREAK}//evil.example/a www{BREAK}.evil.example"),
        ("<img src=x onerror=y>&#64;me", f"\\<img src=x onerror=y\\>\\&\\#{BREAK}64;me"),
        ("![x](javascript:alert)", "\\!\\[x\\](javascript:alert)"),
        ("a|b", "a\\|b"),
        ("1. first", "1\\. first"),
        ("- item", "\\- item"),
        ("# title", f"\\#{BREAK} title"),
        ("two\nlines\x1b[31m", "two lines \\[31m"),
        ("\u202e\u200b", ""),
        ("x" * 300, "x" * 255 + "…"),
    ],
)
def test_inline_text_is_escaped(text: str, expected: str) -> None:
    """Mentions, references, links, HTML, tables, lists and controls lose their meaning."""

    assert escape_inline(text) == expected


@given(NASTY)
def test_inline_text_renders_to_itself(text: str) -> None:
    """Whatever the text, the rendered paragraph shows the clipped text and no other element."""
    rendered = render(escape_inline(text))

    assert (rendered.text.replace(BREAK, "").rstrip("\n"), set(rendered.tags) - {"p"}) == (clip(text), set())


@given(NASTY)
def test_inline_text_stays_in_its_table_cell(text: str) -> None:
    """A row of foreign text has exactly its own cells."""
    rendered = render(f"| a | b |\n| --- | --- |\n| {escape_inline(text)} | {cell(text)} |\n")
    shown = [line for line in rendered.text.replace(BREAK, "").split("\n") if line.strip()]

    assert [tag for tag in rendered.tags if tag != "code"] == [
        "table",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "td",
        "td",
    ]
    assert shown == ["a", "b", *([clip(text)] * 2 if clip(text) else [])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.0", "`v1.0`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a``b`c", "```a``b`c```"),
        ("a``b", "`a``b`"),
        ("", ""),
        ("@me", "`@me`"),
    ],
)
def test_code_span_has_a_fitting_fence(text: str, expected: str) -> None:
    """The fence is a run of backticks that the text does not hold."""

    assert code_span(text) == expected


@given(NASTY)
def test_code_span_renders_to_itself(text: str) -> None:
    """Whatever the text, it is shown as one piece of code."""
    rendered = render(f"x {code_span(text)} y")
    expected = ["p", "code"] if clip(text) else ["p"]

    assert (rendered.text.rstrip("\n"), rendered.tags) == (f"x {clip(text)} y", expected)


def test_cell_with_a_pipe_is_prose() -> None:
    """Code cannot hold a pipe in every Markdown table, so such text is escaped instead."""

    assert (cell("a|b"), cell("a b")) == ("a\\|b", "`a b`")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("one\r\ntwo\n", "", "```\none\ntwo\n```"),
        ("```\n@x\n````", "text", "`````text\n```\n@x\n````\n`````"),
        ("\x1b[1mbold\tx  ", "py thon", "```\n [1mbold\tx\n```"),
        ("", "", "```\n\n```"),
    ],
)
def test_code_block_has_a_fitting_fence(text: str, language: str, expected: str) -> None:
    """No line of the text closes the block, and controls do not reach the page."""

    assert code_block(text, language=language) == expected


def test_long_code_block_loses_its_middle() -> None:
    """Start and end of a long text stay, for they hold the cause and the outcome."""

    assert code_block("a" * 10 + "b" * 10 + "c" * 10, limit=8) == "```\naaaa\n…\ncccc\n```"


@given(NASTY)
def test_code_block_is_one_block(text: str) -> None:
    """Whatever the lines, the page holds one block of code and what follows is outside of it."""
    rendered = render(code_block(text) + "\n\nafter")

    assert rendered.tags == ["pre", "code", "p"]


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ("run", "https://hublish.example.com/runs/abc?x=1", "[run](<https://hublish.example.com/runs/abc?x=1>)"),
        ("o_r", "https://github.com/o/r", "[o\\_r](<https://github.com/o/r>)"),
        ("x", "javascript:alert(1)", "x"),
        ("x", "https://example.com/a b", "x"),
        ("x", "https://example.com/>)", "x"),
        ("", "https://example.com/", ""),
    ],
)
def test_link_takes_plain_addresses_only(text: str, url: str, expected: str) -> None:
    """Anything but a plain HTTP(S) address is shown without a link."""

    assert link(text, url) == expected


def test_plain_text_notifies_nobody() -> None:
    """A commit message with foreign text mentions no one and closes no issue."""

    assert no_mention("fixes #7\n@all") == f"fixes #{BREAK}7 @{BREAK}all"
