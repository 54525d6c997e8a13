"""The build issue: its title, and the one line of its body that counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.github.build_issue import IssueTag, is_build_issue, parse_issue_tag
from hublish.core.gitref import is_ref_name

TEMPLATE = "Hey, AICoE-CI!\r\n\r\nPlease build and deliver the following git tag:\r\n\r\nTag: {tag}\r\n"
NOTES = TEMPLATE + (
    "\r\n**IMPORTANT NOTES**\r\n- See https://example.com/docs?Tag:no for the rules\r\n"
    "- The image is found at https://registry.example.org/team/image\r\n- Our tags: keep them short\r\n"
)


@pytest.mark.parametrize("title", ["Deliver Container Image", " deliver  container IMAGE\t"])
def test_the_title_asks_for_a_build_in_any_case(title: str) -> None:
    """Case and spaces around and between the words do not count."""
    assert is_build_issue(title)


@pytest.mark.parametrize(
    "title", ["", "Deliver Container Images", "Re: Deliver Container Image", "Deliver Missing Module"]
)
def test_other_titles_are_other_issues(title: str) -> None:
    """Only the whole title asks."""
    assert not is_build_issue(title)


@pytest.mark.parametrize("tag", ["v0.0.8", "0.0.9", "v.10", "release/1", "v1_"])
@pytest.mark.parametrize("body", [TEMPLATE, NOTES, "Tag:{tag}", "tag : {tag}  ", "**Tag:** {tag}", "**Tag**: `{tag}`"])
def test_the_tag_line_is_read_in_all_known_forms(body: str, tag: str) -> None:
    """The template's bodies, bold, code and any case name the tag."""
    assert parse_issue_tag(body.format(tag=tag)) == IssueTag(tag=tag, problem=None)


@pytest.mark.parametrize(
    "body",
    [
        "- Tag: v1",
        "`Tag: v1`",
        "_Tag:_ v1",
        "```\nTag: v1\n```",
        "Tag: refs/tags/v1",
        "Tag: x.y.z\nTag: v1",
        "Tag: v1\n\nTag: v1",
        "<!-- Tag: v2 -->\nTag: v1",
        "Tag: v1 <!-- such as v1.2.3 -->",
    ],
)
def test_markup_and_doubles_around_the_tag_do_not_count(body: str) -> None:
    """Lists, code, comments of the template and repeated equal lines leave one tag."""
    assert parse_issue_tag(body) == IssueTag(tag="v1", problem=None)


@pytest.mark.parametrize("body", [None, "", "Please build v1", "Tags: v1", "https://example.com/?tag: v1", "> Tag: v1"])
def test_a_body_without_the_line_is_told_so(body: str | None) -> None:
    """No line that starts with `Tag:`: the problem says it."""
    assert parse_issue_tag(body) == IssueTag(tag=None, problem="The issue has no line that starts with `Tag:`.")


@pytest.mark.parametrize("value", ["", "   ", "x.y.z", "vX.Y.Z", "`x.y.z`", "**"])
def test_the_placeholder_is_no_tag(value: str) -> None:
    """A template sent as it is asks for nothing that exists."""
    expected = IssueTag(tag=None, problem="The line `Tag:` still holds the template's placeholder or nothing.")

    assert parse_issue_tag(f"Tag: {value}") == expected


def test_two_tags_are_one_too_many() -> None:
    """One issue builds one tag."""
    expected = IssueTag(tag=None, problem="The issue names 2 different tags; one issue builds one tag.")

    assert parse_issue_tag("Tag: v1\nTag: v2") == expected


@pytest.mark.parametrize("value", ["--upload-pack=touch", "v1 v2", "a..b"])
def test_an_impossible_tag_is_refused(value: str) -> None:
    """A value git would not take as a tag never gets further than the answer."""
    assert parse_issue_tag(f"Tag: {value}") == IssueTag(tag=None, problem=f'"{value}" cannot be the name of a tag.')


@given(st.text())
def test_any_body_gives_a_tag_or_a_problem(body: str) -> None:
    """Exactly one of both, and a tag is always a possible ref."""
    asked = parse_issue_tag(body)

    assert (asked.tag is None) != (asked.problem is None)
    assert asked.tag is None or is_ref_name(asked.tag)
