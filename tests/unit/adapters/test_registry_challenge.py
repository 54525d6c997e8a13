"""`WWW-Authenticate` headers, read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.adapters.registry.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), ()),
        (("",), ()),
        (("Basic",), (Challenge(scheme="basic", parameters={}),)),
        (('Basic realm="a b"',), (Challenge(scheme="basic", parameters={"realm": "a b"}),)),
        (
            ('Bearer realm="https://t.example/t?x=1,2",service=s , scope="repository:a/b:pull,push"',),
            (
                Challenge(
                    scheme="bearer",
                    parameters={
                        "realm": "https://t.example/t?x=1,2",
                        "service": "s",
                        "scope": "repository:a/b:pull,push",
                    },
                ),
            ),
        ),
        (
            ('Basic realm="x\\"y", Bearer Realm="z"', "Negotiate"),
            (
                Challenge(scheme="basic", parameters={"realm": 'x"y'}),
                Challenge(scheme="bearer", parameters={"realm": "z"}),
                Challenge(scheme="negotiate", parameters={}),
            ),
        ),
        (("!!! broken",), ()),
    ],
)
def test_challenges_are_read_in_order(headers, expected):
    """Several challenges in one header, quoted commas and escapes are told apart."""
    assert parse_challenges(headers) == expected


@given(st.lists(st.text(max_size=80), max_size=3))
def test_any_header_is_survived(headers):
    """Whatever a registry sends is read or left out."""
    found = parse_challenges(headers)

    assert all(challenge.scheme == challenge.scheme.lower() for challenge in found)
