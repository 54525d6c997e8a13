"""What is installed in a base, and what of it has to be hidden when a lock replaces it."""

from __future__ import annotations

import pytest

from hublish.builders.baseimage.facts import InstalledDistribution
from hublish.builders.baseimage.python import read_base_facts
from hublish.errors import ImageInvalid
from tests.fakes import TINY_BASE, FakeImages, make_tar
from tests.unit.builders.samples import BASE

SITE = "/usr/local/lib/python3.11/dist-packages"


def list_installed(layer: dict) -> tuple[InstalledDistribution, ...]:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE), make_tar(layer)])
    return read_base_facts(images, BASE, platform="linux/amd64").installed


def test_installed_distributions_list_what_hides_them():
    """Folders that one distribution owns go as a whole, shared ones file by file."""
    record = b"alpha/__init__.py,,\nalpha-1.0.dist-info/RECORD,,\nshared/a.py,,\ngone/x.py,,\n"
    layer = {
        f"{SITE}/alpha/__init__.py": b"",
        f"{SITE}/alpha/__pycache__/__init__.cpython-311.opt-1.pyc": b"",
        f"{SITE}/Alpha_Beta-1.0.dist-info/RECORD": record.replace(b"alpha-1", b"Alpha_Beta-1"),
        f"{SITE}/shared/a.py": b"",
        f"{SITE}/shared/b.py": b"",
    }

    expected = (
        InstalledDistribution(
            name="alpha-beta",
            version="1.0",
            paths=(f"{SITE}/Alpha_Beta-1.0.dist-info", f"{SITE}/alpha", f"{SITE}/gone", f"{SITE}/shared/a.py"),
        ),
    )

    assert list_installed(layer) == expected


def test_what_a_distribution_says_of_itself_goes_as_a_whole():
    """A file beside the list that is not in it, and no list at all, as RPM has it: neither may stay an installed one."""
    layer = {
        f"{SITE}/alpha.py": b"",
        f"{SITE}/alpha-1.0.dist-info/METADATA": b"",
        f"{SITE}/alpha-1.0.dist-info/RECORD": b"alpha.py,,\nalpha-1.0.dist-info/RECORD,,\n",
        f"{SITE}/alpha-1.0.dist-info/licenses/LICENSE": b"",
        f"{SITE}/beta.py": b"",
        f"{SITE}/beta-2.0.dist-info/INSTALLER": b"rpm\n",
        f"{SITE}/beta-2.0.dist-info/METADATA": b"",
        f"{SITE}/nameless.dist-info/METADATA": b"",
    }
    expected = (
        InstalledDistribution(name="alpha", version="1.0", paths=(f"{SITE}/alpha-1.0.dist-info", f"{SITE}/alpha.py")),
        InstalledDistribution(name="beta", version="2.0", paths=(f"{SITE}/beta-2.0.dist-info",), is_whole=False),
    )

    assert list_installed(layer) == expected


def test_record_that_is_no_table_is_refused():
    """A base can be anybody's image."""
    with pytest.raises(ImageInvalid, match="in a way that cannot be read"):
        list_installed({f"{SITE}/alpha-1.0.dist-info/RECORD": b"x" * 200_000})


def test_egg_info_that_lists_its_files_goes_as_a_whole():
    """As pip left it behind for long; files outside of the environment are nobody's to hide."""
    listed = b"../Alpha/__init__.py\n../../../../bin/alpha\n../../../../../../etc/passwd\n\nPKG-INFO\n"
    layer = {
        f"{SITE}/Alpha/__init__.py": b"",
        f"{SITE}/Alpha/__pycache__/__init__.cpython-311.pyc": b"",
        f"{SITE}/Alpha-1.0-py3.11.egg-info/PKG-INFO": b"",
        f"{SITE}/Alpha-1.0-py3.11.egg-info/installed-files.txt": listed,
        "/usr/local/bin/alpha": b"",
    }
    expected = InstalledDistribution(
        name="alpha",
        version="1.0",
        paths=("/usr/local/bin/alpha", f"{SITE}/Alpha", f"{SITE}/Alpha-1.0-py3.11.egg-info"),
    )

    assert list_installed(layer) == (expected,)


def test_egg_info_that_lists_modules_takes_them_along():
    """Not a folder that it shares with others, not what another distribution lists, not what is no name of a module."""
    layer = {
        f"{SITE}/alpha/__init__.py": b"",
        f"{SITE}/_alpha.so": b"",
        f"{SITE}/zope/alpha/__init__.py": b"",
        f"{SITE}/beta.py": b"",
        f"{SITE}/beta-2.0.dist-info/RECORD": b"beta.py,,\nbeta-2.0.dist-info/RECORD,,\n",
        f"{SITE}/alpha-1.0.egg-info/PKG-INFO": b"",
        f"{SITE}/alpha-1.0.egg-info/top_level.txt": b"alpha\n_alpha\nzope\nbeta\n../x\ngone\n",
        f"{SITE}/alpha-1.0.egg-info/namespace_packages.txt": b"zope\n",
        f"{SITE}/gamma-3.0.egg-info/top_level.txt": b"alpha\n",
    }
    expected = (
        InstalledDistribution(
            name="alpha", version="1.0", paths=(f"{SITE}/_alpha.so", f"{SITE}/alpha", f"{SITE}/alpha-1.0.egg-info")
        ),
        InstalledDistribution(name="beta", version="2.0", paths=(f"{SITE}/beta-2.0.dist-info", f"{SITE}/beta.py")),
        InstalledDistribution(name="gamma", version="3.0", paths=(f"{SITE}/gamma-3.0.egg-info",)),
    )

    assert list_installed(layer) == expected


def test_egg_info_that_lists_nothing_is_hidden_alone():
    """Its files cannot be known; a name without a version is no distribution."""
    layer = {
        f"{SITE}/alpha.py": b"",
        f"{SITE}/alpha-1.0-py3.11-linux-x86_64.egg-info": b"Name: alpha\n",
        f"{SITE}/nameless.egg-info/PKG-INFO": b"",
    }
    expected = InstalledDistribution(
        name="alpha", version="1.0", paths=(f"{SITE}/alpha-1.0-py3.11-linux-x86_64.egg-info",), is_whole=False
    )

    assert list_installed(layer) == (expected,)
