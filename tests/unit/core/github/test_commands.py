"""The table of commands: its rows, and what becomes of the words after a command."""

from __future__ import annotations

import pytest

from hublish.core.github.commands import COMMAND_RULES, OTHER_BOTS, Command, CommandName, find_rule, make_command
from hublish.core.repository import Permission

HELP_HINT = "`/help` shows all commands. An edited comment is not read: comment anew."
BUILD_USAGE = "/build [ref] [image...] [--force]"


def make(text: str, *, addressed: bool = False) -> Command | None:
    return make_command(text, line=1, addressed=addressed)


def test_every_row_of_the_table_says_how_it_is_written_and_who_may() -> None:
    """Grammar and permission come from one table."""
    expected = {
        BUILD_USAGE: Permission.WRITE,
        "/retry": Permission.WRITE,
        "/retest": Permission.WRITE,
        "/ok-to-build <sha>": Permission.WRITE,
        "/cancel [ref]": Permission.WRITE,
        "/deploy [image] [hub]": Permission.WRITE,
        "/plan [ref] [image...]": Permission.WRITE,
        "/lock [ref]": Permission.WRITE,
        "/status": Permission.READ,
        "/help": Permission.READ,
    }

    assert {rule.usage: rule.needs for rule in COMMAND_RULES} == expected
    assert [find_rule(rule.name) for rule in COMMAND_RULES] == list(COMMAND_RULES)


@pytest.mark.parametrize(
    ("text", "name", "words", "force"),
    [
        ("build", CommandName.BUILD, (), False),
        ("build v1", CommandName.BUILD, ("v1",), False),
        ("build v1 ts gpu --force", CommandName.BUILD, ("v1", "ts", "gpu"), True),
        ("build --force v1", CommandName.BUILD, ("v1",), True),
        ("plan main ts", CommandName.PLAN, ("main", "ts"), False),
        ("lock dev/next", CommandName.LOCK, ("dev/next",), False),
        ("status", CommandName.STATUS, (), False),
        ("help", CommandName.HELP, (), False),
    ],
)
def test_words_of_the_grammar_are_taken(text: str, name: CommandName, words: tuple[str, ...], force: bool) -> None:
    """What the table allows becomes a command without a problem; `--force` may stand anywhere."""
    assert make(text) == Command(name=name, words=words, force=force, line=1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("build --exec=x", f'Expected `{BUILD_USAGE}`, but "--exec=x" cannot be the name of a ref.'),
        ("build a..b", f'Expected `{BUILD_USAGE}`, but "a..b" cannot be the name of a ref.'),
        ("build main Ts", f'Expected `{BUILD_USAGE}`, but "Ts" cannot be the name of an image.'),
        ("build main a ../b", f'Expected `{BUILD_USAGE}`, but "../b" cannot be the name of an image.'),
        ("build main " + "a" * 129, f'Expected `{BUILD_USAGE}`, but "{"a" * 99}…" cannot be the name of an image.'),
        ("build \x1b[31mred", f'Expected `{BUILD_USAGE}`, but "[31mred" cannot be the name of a ref.'),
        ("build \u202etxt.exe", f'Expected `{BUILD_USAGE}`, but "txt.exe" cannot be the name of a ref.'),
        ("plan --force", 'Expected `/plan [ref] [image...]`, but "--force" cannot be the name of a ref.'),
        ("ok-to-build", "Expected `/ok-to-build <sha>`, but no sha follows the command."),
        (
            "ok-to-build 012345",
            (
                'Expected `/ok-to-build <sha>`, but "012345" cannot be the SHA of a commit, '
                "of which all 40 hex digits are wanted."
            ),
        ),
        ("ok-to-build 0123456 89abcde", "Expected `/ok-to-build <sha>`, but 2 words follow the command."),
        ("deploy ../x", 'Expected `/deploy [image] [hub]`, but "../x" cannot be the name of a hub.'),
        ("deploy ../x moon", 'Expected `/deploy [image] [hub]`, but "../x" cannot be the name of an image.'),
        ("deploy a b c", "Expected `/deploy [image] [hub]`, but 3 words follow the command."),
        ("status of everything", "Expected `/status`, but 2 words follow the command."),
        ("help me", "Expected `/help`, but 1 words follow the command."),
    ],
)
def test_words_outside_the_grammar_are_a_problem(text: str, problem: str) -> None:
    """Options, escapes, text that runs backwards and words too many never get further than the answer."""
    command = make(text)

    assert command is not None
    assert (command.problem, command.hint) == (problem, HELP_HINT)


@pytest.mark.parametrize(
    ("text", "near"),
    [("biuld v1", BUILD_USAGE), ("Build", BUILD_USAGE), ("statsu", "/status")],
)
def test_misspelt_command_is_answered_with_the_nearest(text: str, near: str) -> None:
    """Somebody who meant us learns what to write."""
    word = text.split(maxsplit=1)[0]
    expected = Command(
        name=None,
        words=(word,),
        line=1,
        problem=f'hublish knows no command "/{word}".',
        hint=f"Did you mean `{near}`? {HELP_HINT}",
    )

    assert make(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("lgtm", "approve", "hold", "etc/passwd", "status/check", "x"),
        *("release", "start", "state", "helm", "restart", "rebuild"),
        *sorted(OTHER_BOTS),
    ],
)
def test_word_of_another_bot_is_silence(text: str) -> None:
    """Bots live side by side: a word far from ours, or known to be theirs, is not for us."""
    assert make(text) is None


@pytest.mark.parametrize("text", ["lgtm", "test", "\x1b[2J", "w" * 300])
def test_unknown_word_after_our_name_is_answered(text: str) -> None:
    """Whoever names the bot means it, whatever the word; the word is clipped."""
    command = make(text, addressed=True)

    assert command is not None
    assert command.name is None
    assert str(command.problem).startswith('hublish knows no command "/')
    assert len(str(command.problem)) < 150
    assert command.hint.endswith(HELP_HINT)


def test_our_name_alone_asks_for_help() -> None:
    """A line with nothing but the name is answered with the table."""
    assert make("", addressed=True) == Command(name=CommandName.HELP, line=1)
