"""Who may put what into a hub's list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.github.consent import (
    HubConsent,
    HubRule,
    check_consent,
    check_entry_owner,
    make_repository_key,
    parse_hub_consent,
)

FULL = b"""\
accept:
  - repo: org/ts
  - repo: team/*
    images: [ts, ts-*]
    file: apps/*.yaml
"""


def test_consent_file_gives_rules() -> None:
    """Absent keys mean all images and all files."""
    expected = (HubRule(repo="org/ts"), HubRule(repo="team/*", images=("ts", "ts-*"), file="apps/*.yaml"))

    assert parse_hub_consent(FULL) == HubConsent(rules=expected)


def test_absent_consent_file_gives_none() -> None:
    """A hub without the file consents through the operator only."""

    assert parse_hub_consent(None) == HubConsent(rules=())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"- a\n", ["1:1 TypeInvalid None: expected the key `accept` with a list of rules"]),
        (b"accept: all\n", ["1:9 TypeInvalid accept: expected a list of at most 1000 rules"]),
        (b"accept:" + b"\n- repo: a/b" * 1001, ["2:1 TypeInvalid accept: expected a list of at most 1000 rules"]),
        (
            b"acept: []\n",
            [
                "1:1 UnknownKey acept: the key `acept` is not known",
                "1:1 TypeInvalid accept: expected a list of at most 1000 rules",
            ],
        ),
        (
            b"accept:\n- org/ts\n- repo: org\n  image: x\n  images: []\n- {images: [A, 1], file: /etc}\n",
            [
                "2:3 TypeInvalid accept[0]: expected a rule with the keys repo, images and file",
                "3:9 ValueInvalid accept[1].repo: expected OWNER/NAME or OWNER/*, got `org`",
                "4:3 UnknownKey accept[1].image: the key `image` is not known",
                "5:11 TypeInvalid accept[1].images: expected a list of image names",
                "6:3 KeyMissing accept[2]: expected the key `repo` with OWNER/NAME or OWNER/*",
                "6:13 ValueInvalid accept[2].images[0]: expected an image name or a pattern with *, got `A`",
                "6:16 ValueInvalid accept[2].images[1]: expected an image name or a pattern with *, got `1`",
                "6:26 ValueInvalid accept[2].file: expected a path, got `/etc`",
            ],
        ),
        (b"accept: [\n", ["2:1 YAMLInvalid None: the file is not valid YAML"]),
        (b"accept: []\naccept: []\n", ["2:1 DuplicateKey accept: the key `accept` stands here again"]),
    ],
)  # fmt: skip
def test_faulty_consent_is_none(body: bytes, expected: list[str]) -> None:
    """Every fault is reported at its place, and no rule counts, not even a good one beside it."""
    consent = parse_hub_consent(body, path=".hublish-hub.yaml")
    shown = [f"{found.line}:{found.column} {found.code} {found.key}: {found.message}" for found in consent.findings]

    assert consent.rules == ()
    assert len(shown) == len(expected)
    assert all(line.startswith(start) for line, start in zip(shown, expected, strict=True)), shown


@given(st.binary(max_size=80))
def test_any_bytes_give_an_answer(body: bytes) -> None:
    """No file makes the reader fail, and a file with findings gives no rules."""
    consent = parse_hub_consent(b"accept:\n- repo: " + body)

    assert not (consent.rules and consent.findings)


RULES = (
    HubRule(repo="Org/TS", images=("ts", "ts-*"), file="apps/*.yaml"),
    HubRule(repo="team/*", file="*.yaml"),
    HubRule(repo="open/all"),
)


@pytest.mark.parametrize(
    ("repo", "image", "file"),
    [
        ("org/ts", "ts", "apps/ts.yaml"),
        ("ORG/ts", "ts-gpu", "apps/ts-gpu.yaml"),
        ("team/any", "x", "some/where/x.yaml"),
        ("open/all", "x", "deep/er/x.txt"),
    ],
)
def test_hub_accepts_what_a_rule_names(repo: str, image: str, file: str) -> None:
    """Case of the repository does not count; patterns do."""

    assert check_consent(RULES, source_repo=repo, image_name=image, file=file) is None


@pytest.mark.parametrize(
    ("repo", "image", "file", "expected"),
    [
        ("evil/ts", "ts", "apps/ts.yaml", "the hub accepts no images from evil/ts"),
        ("teams/x", "ts", "a.yaml", "the hub accepts no images from teams/x"),
        ("org/ts", "other", "apps/other.yaml", "the hub accepts from org/ts only the images ts, ts-*, not other"),
        (
            "org/ts",
            "ts",
            "apps/prod/ts.yaml",
            "the hub accepts ts only in the files apps/*.yaml, not in apps/prod/ts.yaml",
        ),
        ("org/ts", "ts", "ts.yaml", "the hub accepts ts only in the files apps/*.yaml, not in ts.yaml"),
        ("team/x", "ts", "a/ts.yml", "the hub accepts ts only in the files *.yaml, not in a/ts.yml"),
    ],
)
def test_hub_refuses_what_no_rule_names(repo: str, image: str, file: str, expected: str) -> None:
    """The reason says which part does not fit and what would."""

    assert check_consent(RULES, source_repo=repo, image_name=image, file=file) == expected


IMAGE = "registry.example.org/team/ts"
HINT = "; a maintainer of the hub can change the address it names"


@pytest.mark.parametrize(
    ("url", "names", "expected"),
    [
        ("https://github.com/Org/ts.git", ("registry.example.org/else/x",), None),
        (None, (IMAGE, IMAGE), None),
        (
            "https://github.com/other/ts",
            (IMAGE,),
            f"the entry ts belongs to github.com/other/ts{HINT}",
        ),
        (
            "https://elsewhere.example/org/ts",
            (IMAGE,),
            f"the entry ts belongs to elsewhere.example/org/ts{HINT}",
        ),
        (
            "ask the team",
            (IMAGE,),
            f"the entry ts belongs to an address that is not understood{HINT}",
        ),
        (None, (), f"the entry ts names no source repository and lists other images than {IMAGE}"),
        (None, (IMAGE, "x.io/y"), f"the entry ts names no source repository and lists other images than {IMAGE}"),
    ],
)  # fmt: skip
def test_entry_belongs_to_the_repository_it_names(
    url: str | None, names: tuple[str, ...], expected: str | None
) -> None:
    """Only that repository changes it; without a name, only the one whose image it lists already."""
    reason = check_entry_owner(
        listed_url=url,
        listed_names=names,
        source_url="https://github.com/org/ts",
        image_name="ts",
        image_repository=IMAGE,
    )

    assert reason == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/Org/Ts/", "github.com/org/ts"),
        ("git@github.com:org/ts.git", "github.com/org/ts"),
        ("ssh://git@github.com:22/org/ts", "github.com/org/ts"),
        ("https://github.com/org/ts/tree/main", "github.com/org/ts"),
        ("https://github.com/org/ts#readme", "github.com/org/ts"),
        ("github.com/org/ts", "github.com/org/ts"),
        ("https://evil.example/github.com/org/ts", "evil.example/github.com/org"),
        ("https://github.com@evil.example/org/ts", "evil.example/org/ts"),
        ("https://github.com/org", None),
        ("", None),
    ],
)
def test_addresses_of_one_repository_are_alike(address: str, expected: str | None) -> None:
    """Pages and clone addresses of a repository have one key; a look-alike has another."""

    assert make_repository_key(address) == expected
