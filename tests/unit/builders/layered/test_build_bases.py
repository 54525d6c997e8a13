"""What a layered build takes from its base, and what it puts in place of it."""

from __future__ import annotations

from hublish.core.plan import Environment
from hublish.core.reference import Reference
from hublish.oci.manifest import parse_manifest
from tests.fakes import FakeSource
from tests.unit.builders.layered.parts import TAG, read_config
from tests.unit.builders.samples import BASE, TARGET, Bench

BASE_SITE = "/usr/local/lib/python3.11/dist-packages"


def test_base_of_its_own_user_keeps_it(tmp_path):
    """A base that names a user keeps user, home and entry point; no passwd entry is added."""
    bench = Bench(tmp_path)
    bench.add_base(
        {"/etc/passwd": b"app:x:1001:0:app:/opt/app:/bin/sh\n"},
        user="app",
        entrypoint=("/init",),
        labels=(("org.opencontainers.image.title", "the base"), ("io.openshift.expose-services", "8080")),
        history=(),
    )

    bench.build()
    config = read_config(bench)

    assert config["config"]["User"] == "1001:0"
    assert config["config"]["WorkingDir"] == "/opt/app"
    assert config["config"]["Entrypoint"][:2] == ["/init", "/opt/hublish/venv/bin/python"]
    assert config["config"]["Labels"]["io.openshift.expose-services"] == "8080"
    assert "org.opencontainers.image.title" not in config["config"]["Labels"]
    assert [entry["created_by"] for entry in config["history"]][:2] == ["base layer", "base layer"]
    assert "/home/jovyan" not in bench.images.files(TARGET)


def test_base_environment_replaces_what_the_base_has(tmp_path):
    """Installing over an older distribution hides its whole .dist-info folder, or an empty one would be left."""
    bench = Bench(tmp_path)
    info = f"{BASE_SITE}/alpha-0.5.dist-info"
    record = (
        "alpha/__init__.py,,\nalpha/old.py,,\nalpha-0.5.dist-info/RECORD,,\nalpha-0.5.dist-info/METADATA,,\n"
        "../../../bin/alpha,,\nshared/a.py,,\n../../../../../etc/passwd,,\n"
    )
    bench.add_base(
        {
            f"{BASE_SITE}/alpha/__init__.py": b"old",
            f"{BASE_SITE}/alpha/old.py": b"old",
            f"{BASE_SITE}/alpha/__pycache__/old.{TAG}.pyc": b"old",
            f"{BASE_SITE}/shared/a.py": b"old",
            f"{BASE_SITE}/shared/b.py": b"of another",
            f"{info}/RECORD": record.encode(),
            f"{info}/METADATA": b"Name: alpha\n",
            "/usr/local/bin/alpha": b"#!/usr/bin/python3\n",
        }
    )
    bench.add_package("alpha", "1.0", scripts={"alpha": "alpha:main"})

    bench.build(bench.plan(environment=Environment.BASE))
    files = bench.images.files(TARGET)
    hidden = sorted(path for path in files if "/.wh." in path)

    assert hidden == [
        "/usr/local/bin/.wh.alpha",
        f"{BASE_SITE}/.wh.alpha",
        f"{BASE_SITE}/.wh.alpha-0.5.dist-info",
        f"{BASE_SITE}/shared/.wh.a.py",
    ]
    assert (files[f"{BASE_SITE}/alpha/__init__.py"].mode, files[f"{BASE_SITE}/alpha/__init__.py"].gid) == (0o664, 50)
    assert "replacing alpha 0.5 of the base" in bench.log
    assert bench.images.read(TARGET, "/usr/local/bin/alpha").startswith(b"#!/usr/bin/python3.11\n")
    assert read_config(bench)["config"]["Env"][0] == "PATH=/usr/local/bin:/usr/bin:/bin"


def test_replaced_package_of_the_base_that_lists_no_files_is_told(tmp_path):
    """Its metadata is hidden, so that the locked version counts; the log says that files may be left."""
    bench = Bench(tmp_path)
    bench.add_base({f"{BASE_SITE}/alpha-0.5.egg-info": b"Name: alpha\n", f"{BASE_SITE}/alpha.py": b"old"})
    bench.add_package("alpha", "1.0")

    bench.build(bench.plan(environment=Environment.BASE))

    assert [path for path in bench.images.files(TARGET) if "/.wh." in path] == [f"{BASE_SITE}/.wh.alpha-0.5.egg-info"]
    assert (
        "warning: the base does not say which files alpha 0.5 brought; those that the locked version does not replace stay"
    ) in bench.log


def test_base_is_pinned_in_the_registry_of_the_target(bench):
    """The base's layers are mounted, not sent, when both lie on one registry."""
    bench.build()

    base = parse_manifest(bench.images.fetch_manifest(BASE).body)

    assert (TARGET.name, base.layers[0].digest) not in bench.images.pushed
    assert (TARGET.name, base.layers[0].digest) in bench.images.blobs


def test_base_of_another_registry_is_copied(bench):
    """Layers that cannot be mounted go through this machine; sizes add up to what was sent."""
    target = Reference(registry="elsewhere.example.org", repository="team/ts", tag="build-1")

    outcome = bench.build(target=target)

    assert outcome.layers[0].transfer == "uploaded"
    assert outcome.uploaded_bytes == outcome.size_bytes
    assert bench.progress[-1].done == outcome.size_bytes


def test_commit_and_tag_of_the_base_are_stated_where_known(bench):
    """A working tree has no commit to state."""
    bench.source = FakeSource({"README.md": b"x"}, commit=None)

    bench.build()

    assert "org.opencontainers.image.revision" not in read_config(bench)["config"]["Labels"]
