"""The table of commands: words, grammar, permission and help, and what becomes of the words that follow a command.

`docs/reference/commands.md`, the answer to `/help` and every message about a wrong command come from this table. It
decides nothing about Markdown (see `comment`) and nothing about who may ask (see `triggers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from hublish.core.gitref import is_ref_name, is_sha_prefix
from hublish.core.repository import Permission
from hublish.core.suggestion import find_near
from hublish.errors import clip

FORCE = "--force"
OTHER_BOTS = frozenset({"ok-to-test", "reset", "retitle", "test"})
"""Words near ours that other bots answer in the same threads; without our name before them they are not meant for us."""

_SURE = 0.8
"""How like one of ours a word must be that is answered without our name before it: two letters swapped are enough."""

_WORD = re.compile(r"[A-Za-z_-]+")
_IMAGE = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")
_HUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME_LIMIT = 128
_SHOWN_CHARACTERS = 100


class CommandName(Enum):
    """The words the bot knows."""

    BUILD = "build"
    RETRY = "retry"
    RETEST = "retest"
    CANCEL = "cancel"
    OK_TO_BUILD = "ok-to-build"
    DEPLOY = "deploy"
    PLAN = "plan"
    LOCK = "lock"
    STATUS = "status"
    HELP = "help"


class Word(Enum):
    """What a word after a command may be; the value is its name in the grammar."""

    REF = "ref"
    IMAGE = "image"
    HUB = "hub"
    SHA = "sha"

    def accepts(self, text: str) -> bool:
        """Tell whether a text can be such a word; whether the thing exists is asked later."""
        if self is Word.REF:
            return is_ref_name(text)
        if self is Word.SHA:
            return is_sha_prefix(text)
        if self is Word.HUB:
            return len(text) <= _NAME_LIMIT and _HUB.fullmatch(text) is not None
        return len(text) <= _NAME_LIMIT and _IMAGE.fullmatch(text) is not None

    @property
    def title(self) -> str:
        """What it is, for people: "the name of a ref"."""
        if self is Word.SHA:
            return "the SHA of a commit, of which all 40 hex digits are wanted"
        return f"the name of {'an' if self is Word.IMAGE else 'a'} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """One row of the command table: grammar, permission and help come from here and nowhere else.

    Attributes:
        name: the word after the slash.
        words: what may follow, in this order; all of it may be left out.
        required: True when `words` may not be left out.
        many: True when the last of `words` may stand several times.
        alone: True when the last of `words` may stand without those before it.
        force: True when `--force` may follow.
        needs: the least permission on the repository.
        help: what it does, for people.
    """

    name: CommandName
    words: tuple[Word, ...] = ()
    required: bool = False
    many: bool = False
    alone: bool = False
    force: bool = False
    needs: Permission = Permission.WRITE
    help: str

    @property
    def usage(self) -> str:
        """The grammar as shown to people, e.g. `/build [ref] [image...] [--force]`."""
        last = len(self.words) - 1
        left, right = "<>" if self.required else "[]"
        words = (
            f"{left}{word.value}{'...' if self.many and at == last else ''}{right}"
            for at, word in enumerate(self.words)
        )
        return " ".join([f"/{self.name.value}", *words, *([f"[{FORCE}]"] if self.force else [])])


COMMAND_RULES: tuple[CommandRule, ...] = (
    CommandRule(
        name=CommandName.BUILD,
        words=(Word.REF, Word.IMAGE),
        many=True,
        force=True,
        help=(
            "Build a tag, branch or commit, and deliver it as far as it goes. Without a ref: the pull request's head, the "
            "build issue's tag, or the default branch. Images limit it to those of the config; `--force` builds anew what "
            "was built before."
        ),
    ),
    CommandRule(
        name=CommandName.RETRY,
        help=(
            "Take up again the last build of this thread, or else of the repository, that failed or was cancelled. What was "
            "built is not built again."
        ),
    ),
    CommandRule(
        name=CommandName.RETEST,
        help="On a pull request: build its head, unless that very image was built. Elsewhere the same as `/retry`.",
    ),
    CommandRule(
        name=CommandName.OK_TO_BUILD,
        words=(Word.SHA,),
        required=True,
        help=(
            "On a pull request from a fork: build its head, which must be that commit; all 40 digits of its SHA are "
            "wanted. Nothing is pushed. A later push needs a new word. Look at the commit first: its code runs in the build."
        ),
    ),
    CommandRule(
        name=CommandName.CANCEL,
        words=(Word.REF,),
        help=(
            "Stop what this thread asked for, or with a ref everything at work for it. Builds that somebody else waits for go "
            "on; what is being delivered is not stopped."
        ),
    ),
    CommandRule(
        name=CommandName.DEPLOY,
        words=(Word.IMAGE, Word.HUB),
        alone=True,
        help=(
            "Propose the images of the last delivered release again, or one of them alone, to all hubs of the config or to one "
            "of them. A single word that names both is the hub. Nothing is built again."
        ),
    ),
    CommandRule(
        name=CommandName.PLAN,
        words=(Word.REF, Word.IMAGE),
        many=True,
        help="Say what `/build` would build, and from what, or what stands in the way. Nothing is built.",
    ),
    CommandRule(
        name=CommandName.LOCK,
        words=(Word.REF,),
        help=(
            "Make Pipfile.lock of a branch anew, by default of the default branch, and open or update a pull request with it. "
            "pipenv runs in a container, from the listed sources only."
        ),
    ),
    CommandRule(
        name=CommandName.STATUS,
        needs=Permission.READ,
        help="Say what runs, waits and ended here, and whether the config of the default branch can be used.",
    ),
    CommandRule(name=CommandName.HELP, needs=Permission.READ, help="Show this table."),
)
_RULES = {rule.name.value: rule for rule in COMMAND_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command found in a comment.

    Attributes:
        name: which command; None for a word that is none of ours.
        words: what follows it, without options; of the kinds its rule allows unless there is a problem.
        force: True when `--force` was given.
        line: 1-based line of the comment.
        problem: what is wrong with it, in one sentence; None for a well-formed command.
        hint: what to write instead; "" without a problem.
        addressed: True when the bot's name stood before it; no part of what is asked, so not compared.
    """

    name: CommandName | None
    words: tuple[str, ...] = ()
    force: bool = False
    line: int
    problem: str | None = None
    hint: str = ""
    addressed: bool = field(default=False, compare=False)

    def says_same(self, other: Command) -> bool:
        """Tell whether two commands ask for the same."""
        return (self.name, self.words, self.force) == (other.name, other.words, other.force)


def find_rule(name: CommandName) -> CommandRule:
    """The row of a command."""
    return _RULES[name.value]


def make_command(text: str, *, line: int, addressed: bool) -> Command | None:
    """Make a command of a line's text.

    Args:
        text: the command's word, without slash, and what follows; foreign text.
        line: 1-based line of the comment.
        addressed: True when the bot's name stood before it, so that nobody else can be meant.

    Returns:
        The command, perhaps with its problem; None for a word that is more likely another bot's.
    """
    word, *rest = text.split() or [CommandName.HELP.value]
    rule = _RULES.get(word)
    if rule is None:
        return _make_unknown(word, line=line, addressed=addressed)
    force = rule.force and FORCE in rest
    words = tuple(part for part in rest if not (rule.force and part == FORCE))
    problem = _find_problem(rule, words)
    return Command(
        name=rule.name,
        words=words,
        force=force,
        line=line,
        problem=problem,
        hint="" if problem is None else _HELP_HINT,
        addressed=addressed,
    )


_HELP_HINT = "`/help` shows all commands. An edited comment is not read: comment anew."


def _make_unknown(word: str, *, line: int, addressed: bool) -> Command | None:
    if not addressed and not _is_surely_ours(word):
        return None
    near = find_near(word, _RULES)
    hint = _HELP_HINT if near is None else f"Did you mean `{_RULES[near].usage}`? {_HELP_HINT}"
    problem = f'hublish knows no command "/{clip(word, limit=_SHOWN_CHARACTERS)}".'
    return Command(name=None, words=(clip(word),), line=line, problem=problem, hint=hint, addressed=addressed)


def _is_surely_ours(word: str) -> bool:
    """Whether a word is a misspelt one of ours: whoever misspells a word seldom does so at its first letter."""
    if word in OTHER_BOTS or _WORD.fullmatch(word) is None:
        return False
    near = find_near(word, _RULES, cutoff=_SURE)
    return near is not None and near[0] == word[0].lower()


def _find_problem(rule: CommandRule, words: tuple[str, ...]) -> str | None:
    if rule.required and len(words) < len(rule.words):
        return f"Expected `{rule.usage}`, but no {rule.words[len(words)].value} follows the command."
    if len(words) > len(rule.words) and not rule.many:
        return f"Expected `{rule.usage}`, but {len(words)} words follow the command."
    kinds = rule.words[-1:] if rule.alone and len(words) == 1 else rule.words
    for kind, word in zip(_repeat_last(kinds), words, strict=False):
        if not kind.accepts(word):
            shown = clip(word, limit=_SHOWN_CHARACTERS)
            return f'Expected `{rule.usage}`, but "{shown}" cannot be {kind.title}.'
    return None


def _repeat_last(kinds: tuple[Word, ...]) -> Iterator[Word]:
    yield from kinds
    while kinds:
        yield kinds[-1]
