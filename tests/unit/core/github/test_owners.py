"""The OWNERS file of the default branch: who approves, and that no hostile file names anybody."""

from __future__ import annotations

import pytest

from hublish.core.github.owners import Owners, describe_approvers, parse_owners

ALIASES = b"aliases:\n  Data-Team:\n    - Carol\n    - dave\n  empty:\n  nested: [data-team]\n"


@pytest.mark.parametrize(
    ("body", "approvers"),
    [
        (b"approvers:\n- alice\n- Bob\nreviewers: [eve]\nlabels: [x]\n", ("alice", "bob")),
        (b"# people\napprovers: [data-team, alice, carol]\n", ("carol", "dave", "alice")),
        (b"filters:\n  '.*':\n    approvers: [alice]\n  '\\.go$':\n    approvers: [eve]\n", ("alice",)),
        (b"approvers: [nested, alice]\n", ("data-team", "alice")),
        (b"approvers: [alice, 7, null, '@bob', '-x-', 'a b', {c: d}]\n", ("alice",)),
        (b"approvers: [empty, alice]\nemeritus_approvers: [eve]\n", ("alice",)),
    ],
)
def test_approvers_are_read_with_their_aliases(body: bytes, approvers: tuple[str, ...]) -> None:
    """Without case; reviewers, former approvers and filters for some files only approve nothing; what is no login is nobody."""
    assert parse_owners(body, aliases=ALIASES) == Owners(approvers=approvers)


def test_file_without_aliases_names_logins_only() -> None:
    """An alias that nobody defined is a login that nobody has, or somebody by chance: it is Kubernetes' reading."""
    assert parse_owners(b"approvers: [data-team]\n", aliases=None) == Owners(approvers=("data-team",))
    assert parse_owners(b"approvers: [alice]\n", aliases=b"{}").approvers == ("alice",)


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\napprovers: *b\n"


@pytest.mark.parametrize(
    ("body", "aliases", "problem"),
    [
        (None, None, "there is no OWNERS file"),
        (b"", None, "OWNERS cannot be used: expected a mapping with the key approvers or aliases"),
        (b"- alice\n", None, "OWNERS cannot be used: expected a mapping with the key approvers or aliases"),
        (b"approvers: []\n", None, "OWNERS names no approvers"),
        (b"approvers: alice\n", None, "OWNERS names no approvers"),
        (b"reviewers: [alice]\nfilters: [alice]\n", None, "OWNERS names no approvers"),
        (
            b"approvers: [alice]\n",
            b"- x\n",
            "OWNERS_ALIASES cannot be used: expected a mapping with the key approvers or",
        ),
        (b"approvers: [alice]\n", b"aliases: [\n", "OWNERS_ALIASES:2:1 cannot be used: "),
        (BOMB, None, "OWNERS:1:4 cannot be used: "),
        (b"approvers: [alice]\napprovers: [eve]\n", None, "OWNERS:2:1 cannot be used: "),
        (b"approvers: [alice]\n" + b"#" * 70_000, None, "OWNERS:1:1 cannot be used: the file has 70019 bytes"),
        (b"approvers: " + b"[" * 5_000, None, "OWNERS:1:"),
        (b"\xff\xfeapprovers", None, "OWNERS:1:1 cannot be used: the file is not UTF-8"),
        (b"approvers: !!python/object:os.system [alice]\n", None, "OWNERS:1:12 cannot be used: "),
        (
            b"approvers: [" + b",".join(b"u%d" % n for n in range(1001)) + b"]\n",
            None,
            "OWNERS names 1001 approvers; at",
        ),
    ],
)
def test_file_with_a_fault_names_nobody(body: bytes | None, aliases: bytes | None, problem: str) -> None:
    """Too large, too deep, no YAML, anchors, tags, duplicate keys, wrong shapes: the reason is told, nobody is let in."""
    found = parse_owners(body, aliases=aliases)

    assert found.approvers == ()
    assert found.problem.startswith(problem)


def test_approvers_are_described_without_notifying_anybody() -> None:
    """The first five, and how many more there are."""
    few = Owners(approvers=("alice", "bob"))
    many = Owners(approvers=tuple(f"u{number}" for number in range(8)))

    assert describe_approvers(few) == "an approver in OWNERS (alice, bob)"
    assert describe_approvers(many) == "an approver in OWNERS (u0, u1, u2, u3, u4 and 3 more)"
