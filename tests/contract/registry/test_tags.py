"""Listing tags of a real registry, and of one that gives pages or nonsense."""

from __future__ import annotations

import json
import shutil

import pytest

from hublish.errors import RegistryFailed
from tests.contract.registry.parts import MANIFEST_TYPE, Blob, make_blob, make_manifest, make_reference
from tests.sandbox.registry_faults import Fault

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]
BLOB = make_blob(100, seed=4)
MANIFEST = Blob(content=make_manifest(BLOB))
TAGS = ("3.11.1", "3.11.2", "latest")
LIST = r"tags/list\?n=1000$"


@pytest.fixture
def tagged(client, proxy):
    """A repository with a few tags, asked through the proxy."""
    reference = make_reference(proxy.host, repository="team/tagged")
    client.ensure_blob(reference, **BLOB.push)
    for tag in TAGS:
        client.ensure_manifest(reference.with_tag(tag), body=MANIFEST.content, media_type=MANIFEST_TYPE)
    return reference


def answer(path: str, *tags: object, link: str = "") -> Fault:
    """A page of a registry that gives pages."""
    headers = {"Content-Type": "application/json", **({"Link": link} if link else {})}
    body = json.dumps({"name": "team/tagged", "tags": tags}).encode()
    return Fault(method="GET", path=path, status=200, headers=headers, body=body)


def test_tags_are_listed(client, tagged) -> None:
    """All of them; a repository that is not there has none."""
    assert sorted(client.list_tags(tagged)) == sorted(TAGS)
    assert client.list_tags(make_reference(tagged.registry, repository="team/none")) == ()


def test_long_list_comes_in_pages(client, proxy, tagged) -> None:
    """Each goes on where the one before ended; the link's own place is not followed, and what is no tag is left out."""
    proxy.add(answer(LIST, "a", "b", 7, "no tag", link='<http://elsewhere.example.org/x?n=2&last=b>; rel="next"'))
    proxy.add(answer(r"tags/list\?n=1000&last=b$", "c"))

    assert client.list_tags(tagged) == ("a", "b", "c")


def test_list_without_an_end_is_cut(client, proxy, tagged) -> None:
    """A registry that always names a next page is asked ten times."""
    for _ in range(11):
        proxy.add(answer("tags/list", "a", link='</v2/x?n=1&last=a>; rel="next"'))
    asked = len(proxy.calls)

    assert client.list_tags(tagged) == ("a",)
    assert len(proxy.calls) - asked == 10


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"tags": 7}', b"[" * 5000])
def test_answer_that_is_no_list_is_refused(client, proxy, tagged, body: bytes) -> None:
    """Nothing is taken for an empty list that is none."""
    proxy.add(Fault(method="GET", path="tags/list", status=200, body=body))

    with pytest.raises(RegistryFailed, match="expected a list of tags"):
        client.list_tags(tagged)
