"""Wheels on their way to this machine: each once, its facts noted, wherever it was chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.layerindex.entries import WheelFacts
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.wheels.choice import ChosenWheel
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.core.plan import Trust
from hublish.core.ports import IndexFile
from hublish.errors import BuildCancelled, WheelInvalid, WheelMissing
from tests.unit.builders.samples import INDEX, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    for name in ("alpha", "beta", "gamma"):
        bench.add_package(name, requires=[f"{name}-more>1"])
    return bench


@pytest.fixture
def layers(tmp_path: Path) -> LayerIndex:
    return OwnerCaches(tmp_path / "workspace").open(owner="octo", trust=Trust.OWNER).layers


def open_house(bench: Bench, layers: LayerIndex, *, stop: bool = False) -> Wheelhouse:
    def verify_running() -> None:
        if stop:
            raise BuildCancelled("stopped")

    return Wheelhouse(bench.index, sources=(INDEX,), layers=layers, verify_running=verify_running)


def choose(bench: Bench) -> list[ChosenWheel]:
    return [
        ChosenWheel(package=package, source=INDEX, file=bench.index.list_files(INDEX, package.name)[0])
        for package in bench.packages
    ]


def forget(chosen: ChosenWheel) -> ChosenWheel:
    """As an earlier build's choice is known: by name and hash."""
    file = IndexFile(filename=chosen.file.filename, url="", sha256=chosen.sha256, size_bytes=None)
    return replace(chosen, source=None, file=file)


def test_wheels_are_fetched_and_their_facts_noted(bench, layers):
    """Several at once, each told with the size of the archive and what it requires."""
    house, chosen = open_house(bench, layers), choose(bench)
    told: dict[str, WheelFacts] = {}
    expected = {
        choice.title: WheelFacts(size_bytes=choice.file.size_bytes, requirements=(f"{choice.package.name}-more>1",))
        for choice in chosen
    }

    house.fetch(chosen, done=lambda choice, facts: told.update({choice.title: facts}))

    assert told == expected
    assert [house.path(choice).name for choice in chosen] == [choice.file.filename for choice in chosen]
    assert [layers.find_wheel(choice.sha256) for choice in chosen] == list(expected.values())


def test_wheel_that_was_fetched_is_not_fetched_again(bench, layers):
    """Whoever asks next finds it."""
    house, chosen = open_house(bench, layers), choose(bench)
    house.fetch(chosen)
    bench.index.gone.update(choice.file.filename for choice in chosen)

    house.fetch(chosen, done=lambda *_: pytest.fail("nothing was to be done"))

    assert house.path(chosen[0]).is_file()


def test_wheel_of_an_earlier_choice_is_found_in_the_cache_without_the_index(bench, layers):
    """Its address is not kept, and not needed while the file is here."""
    open_house(bench, layers).fetch(choose(bench))
    bench.index.list_files = lambda *_, **__: pytest.fail("the index was asked")

    house = open_house(bench, layers)
    house.fetch([forget(choice) for choice in choose_known(bench)])

    assert house.path(choose_known(bench)[0]).name == "alpha-1.0-py3-none-any.whl"


def choose_known(bench: Bench) -> list[ChosenWheel]:
    names = {package.name: package for package in bench.packages}
    return [
        ChosenWheel(
            package=names["alpha"],
            source=None,
            file=IndexFile(
                filename="alpha-1.0-py3-none-any.whl",
                url="",
                sha256=names["alpha"].hashes[0].removeprefix("sha256:"),
                size_bytes=None,
            ),
        )
    ]


def test_wheel_of_an_earlier_choice_is_looked_up_where_it_is_not_here(bench, layers):
    """The index is asked for its address now."""
    house = open_house(bench, layers)

    house.fetch([forget(choice) for choice in choose(bench)])

    assert [house.path(choice).is_file() for choice in choose(bench)] == [True, True, True]


def test_wheel_of_an_earlier_choice_that_the_index_deleted_is_said(bench, layers):
    """It fails closed, by name."""
    chosen = [forget(choice) for choice in choose(bench)]
    del bench.index.wheels["beta-1.0-py3-none-any.whl"]

    with pytest.raises(WheelMissing) as caught:
        open_house(bench, layers).fetch(chosen)

    assert caught.value.message == (
        "beta-1.0-py3-none-any.whl is gone from its index, and a layer with it has to be made anew"
    )


def test_cancel_stops_fetching(bench, layers):
    """The question is asked before each file."""
    with pytest.raises(BuildCancelled):
        open_house(bench, layers, stop=True).fetch(choose(bench))


def test_archive_that_is_no_wheel_is_refused(bench, layers):
    """Facts come from wheels only."""
    bench.index.wheels["alpha-1.0-py3-none-any.whl"] = b"no zip"

    with pytest.raises(WheelInvalid):
        open_house(bench, layers).fetch(choose(bench))
