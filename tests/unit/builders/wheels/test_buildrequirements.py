"""What a build needs: the newest wheels that fit together, from the lock's indexes alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.builders.baseimage.python import read_base_facts
from hublish.builders.wheels.buildrequirements import BuildRequirements
from hublish.errors import WheelMissing
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.samples import BASE, INDEX, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    return bench


def offer(bench: Bench, name: str, *versions: str, requires: tuple[str, ...] = (), tag: str = "py3-none-any") -> None:
    for version in versions:
        body = make_wheel(name, version, requires=requires, tag=tag)
        bench.index.add(wheel_filename(name, version, tag=tag), body)


def resolve(bench: Bench, *texts: str) -> list[str]:
    finder = BuildRequirements(
        sources=(INDEX,),
        facts=read_base_facts(bench.images, BASE, platform="linux/amd64"),
        index=bench.index,
        verify_running=lambda: None,
    )
    return [f"{wheel.name} {wheel.version}" for wheel in finder.resolve(texts, title="alpha 1.0")]


def test_newest_that_fits_is_taken_with_what_it_needs(bench) -> None:
    """Markers and extras count; nothing withdrawn, for another platform, of another Python, or before its release."""
    offer(
        bench,
        "hatch",
        "1.0",
        "1.9",
        "2.0rc1",
        requires=("plug>=1", "old; python_version < '3'", "fast[c]; extra == 'c'"),
    )
    offer(bench, "hatch", "3.0", tag="cp312-cp312-win_amd64")
    offer(bench, "plug", "1.0", "1.5", "2.0", requires=("hatch",))
    offer(bench, "fast", "1.0", requires=("speed; extra == 'c'",))
    offer(bench, "speed", "1.0")
    bench.index.yanked["plug-2.0-py3-none-any.whl"] = "broken"
    bench.index.metadata["plug-1.5-py3-none-any.whl"] = b"Requires-Dist: hatch<5\n"

    assert resolve(bench, "hatch>=1") == ["hatch 1.9", "plug 1.5"]
    assert resolve(bench, "Hatch[c]") == ["fast 1.0", "hatch 1.9", "plug 1.5", "speed 1.0"]


def test_versions_suit_all_who_ask(bench) -> None:
    """A name that is asked for twice has one version that fits both."""
    offer(bench, "a", "1", requires=("shared<3",))
    offer(bench, "b", "1", requires=("shared>1",))
    offer(bench, "shared", "1", "2", "3")

    assert resolve(bench, "b", "a") == ["a 1", "b 1", "shared 2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gone>1", "alpha 1.0: to be built it needs gone>1, and no wheel of that fits the base"),
        ("a", "alpha 1.0: to be built it needs b<1,>1, and no wheel of that fits the base"),
        ("x @ https://evil.example.com/x.whl", "alpha 1.0: to be built it needs x from a URL, which is not allowed"),
        ("--index-url=x", "alpha 1.0: '--index-url=x' is no requirement of a build"),
        ("m0", "alpha 1.0: it needs more than 100 packages to be built"),
        ("x; os_name ~= 'y'", """alpha 1.0: "x; os_name ~= 'y'" is no requirement of a build"""),
        ("x; 'y' in extras", """alpha 1.0: "x; 'y' in extras" is no requirement of a build"""),
        ("x>" + "9" * 5000, f"alpha 1.0: 'x>{'9' * 253}…' is no requirement of a build"),
    ],
)
def test_what_cannot_be_had_is_told(bench, text, message) -> None:
    """What was needed, and why not."""
    offer(bench, "a", "1", requires=("b<1", "b>1"))
    offer(bench, "b", "1")
    for number in range(101):
        offer(bench, f"m{number}", "1", requires=(f"m{number + 1}",))

    with pytest.raises(WheelMissing) as caught:
        # Each round sees one further name of a chain, so that this one is long enough in breadth.
        resolve(bench, text, *(f"m{number}" for number in range(101) if text == "m0"))
    assert caught.value.message == message


def test_what_never_settles_is_told(bench) -> None:
    """A new version that asks for what only the old one allows is no endless search."""
    offer(bench, "a", "1")
    offer(bench, "a", "2", requires=("a<2",))

    with pytest.raises(WheelMissing, match="does not fit together"):
        resolve(bench, "a")
