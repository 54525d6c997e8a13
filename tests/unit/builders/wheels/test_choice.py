"""Which wheel is chosen, and why none is."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.baseimage.python import read_base_facts
from hublish.builders.planning.targettags import make_tag_ranks
from hublish.builders.wheels.choice import choose_file, choose_wheels, map_in_threads
from hublish.core.locks.lock import ANY_SOURCE, IndexSource, LockedPackage
from hublish.core.ports import IndexFile
from hublish.errors import WheelMissing
from tests.fakes import FakeIndex
from tests.unit.builders.samples import BASE, INDEX, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    return bench


@pytest.fixture
def facts(bench: Bench) -> BaseFacts:
    return read_base_facts(bench.images, BASE, platform="linux/amd64")


def offer(*names: str, **changes: object) -> list[IndexFile]:
    """Files whose hash is their place in the list."""
    return [
        IndexFile(filename=name, url="", sha256=f"{number:064d}", size_bytes=1, **changes)
        for number, name in enumerate(names)
    ]


def choose(facts: BaseFacts, files: list[IndexFile], *, hashes: int = 20, version: str = "1.0") -> str:
    package = LockedPackage(
        name="alpha", version=version, hashes=tuple(f"sha256:{n:064d}" for n in range(hashes)), source="index"
    )
    choice = choose_file(package, INDEX, files, ranks=make_tag_ranks(facts), python=facts.python_full_version)
    return choice if isinstance(choice, str) else choice.file.filename


def test_most_specific_wheel_that_fits_wins(facts):
    """The newest platform the base can run beats an older one, a binary beats pure Python."""
    files = offer(
        "alpha-1.0-py3-none-any.whl",
        "alpha-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "alpha-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "alpha-1.0-cp311-cp311-manylinux_2_39_x86_64.whl",
        "alpha-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "alpha-1.0-cp311-cp311-macosx_11_0_arm64.whl",
        "alpha-1.0.tar.gz",
    )

    assert choose(facts, files) == "alpha-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_highest_build_number_wins_between_equal_tags(facts):
    """As the format says: a build number decides where the tags are the same."""
    files = offer("alpha-1.0-1-py3-none-any.whl", "alpha-1.0-10-py3-none-any.whl", "alpha-1.0-py3-none-any.whl")

    assert choose(facts, files) == "alpha-1.0-10-py3-none-any.whl"


def test_file_that_came_later_never_changes_a_choice(facts):
    """Only hashes of the lock count, however well another file fits."""
    files = offer("alpha-1.0-py3-none-any.whl", "alpha-1.0-cp311-cp311-manylinux_2_28_x86_64.whl")

    assert choose(facts, files, hashes=1) == "alpha-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "the index does not know it"),
        (
            [replace(offer("alpha-1.0-py3-none-any.whl")[0], sha256=None)],
            "no file of the index has a hash of the lock (deleted, or replaced by another file)",
        ),
        (offer("alpha-1.0.tar.gz"), "the lock pins only a source distribution, which would have to be built"),
        (
            offer("alpha-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "alpha-1.0-py2-none-any.whl"),
            "its 2 locked wheels are for other platforms or Python versions",
        ),
        (offer("beta-1.0-py3-none-any.whl"), "its 1 locked wheels are for other platforms or Python versions"),
        (offer("alpha-2.0-py3-none-any.whl"), "its 1 locked wheels are for other platforms or Python versions"),
        (offer("nonsense.whl"), "its 1 locked wheels are for other platforms or Python versions"),
        (
            offer("alpha-1.0-py3-none-any.whl", requires_python=">=3.12"),
            "it needs Python >=3.12, the base has 3.11.2",
        ),
    ],
)
def test_reason_says_why_no_file_can_be_used(facts, files, expected):
    """Each way of having no wheel has its own words."""
    assert choose(facts, files) == expected


@pytest.mark.parametrize("requires", [">=3.8", None, "nonsense", ">=" + "9" * 5000])
def test_python_requirement_that_holds_or_cannot_be_read_lets_pass(facts, requires):
    """pip ignores a requirement it cannot read, too."""
    files = offer("alpha-1.0-py3-none-any.whl", requires_python=requires)

    assert choose(facts, files) == "alpha-1.0-py3-none-any.whl"


def test_locked_version_that_is_no_version_fits_nothing(facts):
    """A lock may hold any text."""
    expected = "its 1 locked wheels are for other platforms or Python versions"

    assert choose(facts, offer("alpha-1.0-py3-none-any.whl"), version="one") == expected


def test_all_missing_wheels_are_listed_at_once(bench, facts):
    """One answer names every package that cannot be installed, with its reason."""
    bench.add_package("alpha")
    bench.packages += [
        LockedPackage(name="beta", version="2", hashes=("sha256:0",), source="index"),
        LockedPackage(name="gamma", version="3", hashes=("sha256:0",), source="elsewhere"),
    ]
    expected = (
        "no wheel fits 2 of 3 packages: beta 2: the index does not know it; "
        "gamma 3: its index 'elsewhere' is not in the lock"
    )

    with pytest.raises(WheelMissing) as caught:
        choose_wheels(bench.packages, sources=(INDEX,), facts=facts, index=bench.index, log=bench.log.append)

    assert caught.value.message == expected


class ManyIndexes:
    """Indexes by the name of their source; each knows the files of one `FakeIndex`, or none."""

    def __init__(self, **indexes: FakeIndex) -> None:
        self.indexes = indexes

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        return self.indexes[source.name].list_files(source, name, hashes=hashes)


def test_package_of_any_source_is_found_where_its_hash_is(bench, facts, tmp_path):
    """Another index may know the name: only the lock's hash decides, and the sources are asked in their order."""
    bench.add_package("alpha")
    bench.packages = [replace(bench.packages[0], source=ANY_SOURCE)]
    other = FakeIndex(tmp_path / "other")
    other.add("alpha-1.0-py3-none-any.whl", b"another file of that name")
    sources = (INDEX, replace(INDEX, name="extra-1", url="https://other.example.com/simple"))
    both = ManyIndexes(index=other, **{"extra-1": bench.index})

    (chosen,) = choose_wheels(bench.packages, sources=sources, facts=facts, index=both, log=bench.log.append)

    assert chosen.source == sources[1]


def test_package_that_no_source_has_is_missing_with_the_best_reason(bench, facts, tmp_path):
    """An index that knows the name says more than one that does not."""
    bench.add_package("alpha")
    package = replace(bench.packages[0], source=ANY_SOURCE, hashes=("sha256:0",))
    sources = (INDEX, replace(INDEX, name="extra-1"))
    both = ManyIndexes(index=bench.index, **{"extra-1": FakeIndex(tmp_path / "empty")})

    with pytest.raises(WheelMissing) as caught:
        choose_wheels([package], sources=sources, facts=facts, index=both, log=bench.log.append)

    assert caught.value.message == (
        "no wheel fits 1 of 1 packages: alpha 1.0: no file of the index has a hash of the lock "
        "(deleted, or replaced by another file)"
    )


def test_one_of_several_locked_files_is_chosen_for_the_target(bench, facts):
    """A lock names the files of all platforms; the base's own is taken, another base would take another."""
    names = [
        "alpha-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "alpha-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "alpha-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "alpha-1.0-cp311-cp311-win_amd64.whl",
        "alpha-1.0.tar.gz",
    ]
    hashes = tuple(sorted(bench.index.add(name, name.encode()) for name in names))
    package = LockedPackage(name="alpha", version="1.0", hashes=hashes, source="index")
    files = [
        choose_wheels([package], sources=(INDEX,), facts=target, index=bench.index, log=bench.log.append)[
            0
        ].file.filename
        for target in (facts, replace(facts, architecture="aarch64"))
    ]

    assert files == names[:2]


def test_yanked_wheel_is_used_and_said(bench, facts):
    """A pinned version may be yanked: pip still installs it, and so does hublish, with a warning."""
    bench.add_package("alpha")
    bench.index.yanked["alpha-1.0-py3-none-any.whl"] = "broken on Tuesdays"

    chosen = choose_wheels(bench.packages, sources=(INDEX,), facts=facts, index=bench.index, log=bench.log.append)

    assert [wheel.title for wheel in chosen] == ["alpha 1.0"]
    assert bench.log == [
        "warning: alpha 1.0 was yanked from the index (broken on Tuesdays); the lock pins it, so it is used"
    ]


def test_first_error_of_many_is_raised():
    """What has not started is dropped."""

    def work(number: int) -> int:
        if number == 1:
            raise WheelMissing("one")
        return number

    with pytest.raises(WheelMissing, match="one"):
        map_in_threads(work, range(50))


def test_tags_of_an_old_arm_and_of_musl(facts):
    """Legacy names exist for some architectures only; musl has its own."""
    arm = replace(facts, architecture="aarch64", libc=("glibc", 17))
    musl = replace(facts, libc=("musl", 2))

    arm_platforms = {tag.platform for tag in make_tag_ranks(arm)}
    musl_platforms = {tag.platform for tag in make_tag_ranks(musl)}

    assert "manylinux2014_aarch64" in arm_platforms
    assert "manylinux2010_aarch64" not in arm_platforms
    assert "manylinux_2_18_aarch64" not in arm_platforms
    assert musl_platforms == {
        "musllinux_1_2_x86_64",
        "musllinux_1_1_x86_64",
        "musllinux_1_0_x86_64",
        "linux_x86_64",
        "any",
    }


def test_first_tag_has_the_best_rank(facts):
    """Ranks count from the best."""
    ranks = make_tag_ranks(facts)

    assert min(ranks.values()) == 0
    assert len(set(ranks.values())) == len(ranks)
