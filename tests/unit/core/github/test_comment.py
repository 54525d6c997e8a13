"""Commands in comments: which lines ask, in whatever Markdown they are dressed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.github.commands import Command, CommandName
from hublish.core.github.comment import BODY_LIMIT, CANDIDATE_LIMIT, LINE_LIMIT, parse_commands

USAGE = "/build [ref] [image...] [--force]"
HINT = "`/help` shows all commands. An edited comment is not read: comment anew."


def make_build(*words: str, line: int = 1, problem: str | None = None) -> Command:
    hint = "" if problem is None else HINT
    return Command(name=CommandName.BUILD, words=words, line=line, problem=problem, hint=hint)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/build", make_build()),
        ("/build v1.2", make_build("v1.2")),
        ("/build `v1.2`", make_build("v1.2")),
        ("/build   v1.2  \r\n", make_build("v1.2")),
        ("   /build main", make_build("main")),
        ("Please:\n/build release/1_2_3\nThanks", make_build("release/1_2_3", line=2)),
        ("Please:\r\n\r\n/build\r\n", make_build(line=3)),
        ("**Now**\n/build", make_build(line=2)),
        ("`now`\n/build", make_build(line=2)),
        ("a `span\n/build x` b\n/build y", make_build("y", line=2)),
    ],
)
def test_a_command_on_its_own_line_is_found(body: str, expected: Command) -> None:
    """A line of a paragraph that starts with the word is the command, with its ref and line."""
    assert parse_commands(body) == (expected,)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Looks good to me.",
        "please /build this",
        "/unknown word",
        "/etc/passwd",
        "@hublish",
        "thanks @hublish build",
        "@hublishing build",
        "@hublish-2 build",
        "> @hublish build",
        "`@hublish build`",
        "\\@hublish build",
        "&#47;build",
        "\u202e/build",
        "\x1b[2K/build",
        "\u200b/build",
        "\u2044build",
        "| /build |\n| --- |",
        "[x]: /build",
        "![/build](/build)",
        "<p>/build</p>",
        "<b>\n/build",
        "<?php\n/build\n?>",
        "<![CDATA[\n/build\n]]>",
        "    code\n\n    /build",
        "\t/build",
        "> lazy\n/build",
        "- item\n/build",
        "- item\n\n  /build",
        "````\n```\n/build\n````",
        "*emphasis\n/build*",
        "\\/build",
        "text\n\\/build",
        "`/build`",
        "a `code\n/build` b",
        "    /build",
        "```\n/build\n```",
        "~~~ sh\n/build",
        "> /build",
        "> quoted\n> /build v1",
        "- /build",
        "1. /build",
        "# /build",
        "/build\n---",
        "<!-- /build -->",
        "<!--\n/build\n-->",
        "text <!-- a\n/build\n--> text",
        "<details>\n/build\n</details>",
        "**/build**",
        "[/build](https://example.com)",
        "\n/ build",
    ],
)
def test_text_that_only_shows_a_command_is_silence(body: str) -> None:
    """Code, quotes, lists, headings, HTML, escapes and unknown words ask for nothing."""
    assert parse_commands(body, app="" if body == "@hublish" else "hublish") == ()


@pytest.mark.parametrize("argument", ["--upload-pack=x", "a..b", "**v1**", "a:b"])
def test_a_word_that_is_no_ref_is_answered_with_the_usage(argument: str) -> None:
    """An argument that cannot be a ref never gets further than the answer."""
    expected = make_build(argument, problem=f'Expected `{USAGE}`, but "{argument}" cannot be the name of a ref.')

    assert parse_commands(f"/build {argument}") == (expected,)


def test_all_commands_of_a_comment_are_found_in_order() -> None:
    """Each line counts; what to make of several is the event's question."""
    expected = (make_build("a"), make_build("b", line=3), make_build("c", line=4))

    assert parse_commands("/build a\n\n/build b\n/build c\n") == expected


def test_a_command_beyond_the_limits_is_not_read() -> None:
    """A body, a line number or a paragraph beyond its limit holds no command."""
    assert parse_commands("/build " + "x" * BODY_LIMIT) == ()
    assert parse_commands("\n" * LINE_LIMIT + "/build") == ()
    assert parse_commands("/build\n" + "x" * CANDIDATE_LIMIT) == ()


@pytest.mark.parametrize(
    "body",
    [
        "@hublish build v1",
        "@hublish /build v1",
        "@Hublish: build v1",
        "@hublish, build `v1`",
        "@hublish[bot] build v1",
        "  @hublish build v1",
    ],
)
def test_our_name_is_as_good_as_a_slash(body: str) -> None:
    """People mention the App by its name; the name may be written as GitHub shows it."""
    assert parse_commands(body, app="hublish") == (make_build("v1"),)


def test_name_that_is_not_known_is_nobodys() -> None:
    """Without knowing its own name the bot takes no mention for its own."""
    assert parse_commands("@hublish build v1") == ()


def test_misspelt_command_is_found_with_its_line() -> None:
    """The answer to it is the table's; that somebody asked is seen here."""
    (command,) = parse_commands("Hello,\n/biuld v1")

    assert (command.name, command.words, command.line) == (None, ("biuld",), 2)


@pytest.mark.parametrize(
    "piece",
    [
        "/build\n\n",
        "/build\n",
        "- a\n",
        "> a\n\n",
        "[a\n",
        "![](",
        "[",
        "*a _b ",
        "|a",
        "<a ",
        "a|b\n-|-\n\n",
        "@hublish x\n\n",
        "[a]: /b\n",
        "`",
        "- ",
    ],
)
def test_the_largest_hostile_comment_is_read_quickly(piece: str) -> None:
    """A comment of GitHub's largest size is read without growing slow, whatever it holds."""
    # A coverage tracer makes everything slower; the bar itself holds without one.
    # Far above what it takes (some 30 ms), far below what a quadratic reading of it would: a guard, no measurement.
    limit_seconds = 5.0
    body = ("/build\n\n" + piece * BODY_LIMIT)[:BODY_LIMIT]
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        parse_commands(body, app="hublish")
        seconds.append(time.perf_counter() - started)

    assert min(seconds) < limit_seconds


@given(st.text(alphabet="/build @hs`*_[]()<>!-#\\\n\r\t |~1.a\u00a0\x0b\u202e\x1b\0", max_size=200))
def test_any_text_is_read_without_an_error(body: str) -> None:
    """Whatever a comment holds, the lines that come back exist and start with a command or the name."""
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for command in parse_commands(body, app="hs"):
        assert lines[command.line - 1].lstrip().lower().startswith(("/", "@hs"))
