"""Facts of a base, found in its layers."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.baseimage.facts import (
    Directory,
    parse_base_facts,
    render_base_facts,
    resolve_links,
)
from hublish.builders.baseimage.image import read_base_image
from hublish.builders.baseimage.python import read_base_facts
from hublish.core.reference import Reference
from hublish.errors import BaseUnsupported, ImageInvalid
from hublish.oci.manifest import OCI_INDEX, make_digest
from tests.fakes import LIBC_BODY, PYTHON_BODY, TINY_BASE, FakeImages, make_tar
from tests.unit.builders.baseimage.parts import PLATFORM, find, read
from tests.unit.builders.samples import BASE


def test_facts_of_a_small_debian():
    """Everything that layers on top must know comes from the layers alone."""
    facts = read(TINY_BASE)

    assert (facts.python_version, facts.python_full_version) == ((3, 11), "3.11.2")
    assert (facts.executable, facts.environment_executable) == ("/usr/bin/python3.11", "/usr/bin/python3.11")
    assert (facts.prefix, facts.site_packages) == ("/usr/local", "/usr/local/lib/python3.11/dist-packages")
    assert (facts.libc, facts.architecture) == (("glibc", 36), "x86_64")
    assert (facts.user, facts.home, facts.shell) == ("", None, "/bin/bash")
    assert facts.links == (("/bin", "usr/bin"),)
    assert facts.passwd == "root:x:0:0:root:/root:/bin/bash\n"
    assert facts.installed == ()
    assert find(facts, "/usr/local/lib/python3.11/dist-packages") == Directory(
        path="/usr/local/lib/python3.11/dist-packages", mode=0o2775, user_id=0, group_id=50
    )
    assert find(facts, "/nowhere") is None


def test_facts_come_back_from_json():
    """They are kept by digest, so that a base is read once."""
    facts = read(TINY_BASE)

    assert parse_base_facts(render_base_facts(facts)) == facts


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0, "facts": {}}', '{"format": 1, "facts": {}}'])
def test_damaged_facts_are_read_anew(text):
    """Whatever lies in the cache, nothing breaks."""
    assert parse_base_facts(text) is None


def test_facts_with_an_unknown_field_are_read_anew():
    """An older program meets the cache of a newer one."""
    document = json.loads(render_base_facts(read(TINY_BASE)))
    document["facts"]["new"] = 1

    assert parse_base_facts(json.dumps(document)) is None


def test_base_that_is_a_virtual_environment_itself():
    """Its own environment keeps prefix and interpreter; hublish's links to the Python behind it."""
    layer = {
        "/opt/app/bin/python3": "-> /usr/bin/python3.11",
        "/opt/app/pyvenv.cfg": b"home = /usr/bin\nversion = 3.11.2\n",
    }

    facts = read(TINY_BASE, layer, environment=(("PATH", "relative:/opt/app/bin:/usr/bin"), ("HOME", "/opt/app/src")))

    assert (facts.executable, facts.environment_executable) == ("/usr/bin/python3.11", "/opt/app/bin/python3")
    assert (facts.prefix, facts.site_packages) == ("/opt/app", "/opt/app/lib/python3.11/site-packages")
    assert facts.home == "/opt/app/src"


def test_full_version_is_found_in_library_settings_or_environment():
    """An interpreter without its version in it has it somewhere else."""
    silent = {**TINY_BASE, "/usr/bin/python3.11": b"nothing"}
    library = {"/usr/lib/libpython3.11.so.1.0": b"\x003.11.9\0"}

    assert read(silent, library).python_full_version == "3.11.9"
    assert read(silent, environment=(("PYTHON_VERSION", "3.11.7"),)).python_full_version == "3.11.7"


@pytest.mark.parametrize(
    "body",
    [
        b"EXEC\0/opt/python/3.11.7\0VPATH\0",
        b"\0/src/3.11.0/Python-3.11.0\0 then \x003.11.7\0",
        b"\x003.40.1\0 of a database, \x003.11.7+\0",
        b"\x001.3.11.2\0 of another program, \x0013.11.2\0, \0/opt/python/3.11.7rc1\0",
    ],
)
def test_full_version_is_found_among_other_texts(body):
    """A linker keeps it as the end of a longer text that ends alike; what is linked in has versions of its own."""
    library = {"/usr/bin/python3.11": b"nothing", "/opt/python/lib/libpython3.11.so.1.0": body}

    assert read(TINY_BASE, library).python_full_version == "3.11.7"


def test_musl_is_told_apart():
    """A base with musl and no glibc gets musllinux wheels."""
    layer = {path: body for path, body in TINY_BASE.items() if "libc.so" not in path}

    facts = read({**layer, "/lib/ld-musl-x86_64.so.1": b"musl libc\x001.2.4\0"})

    assert facts.libc == ("musl", 2)


def test_python_by_hard_link_is_followed():
    """Some images give one file two names; the version behind the name counts."""
    layer = {path: body for path, body in TINY_BASE.items() if path != "/usr/bin/python3"}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        link = tarfile.TarInfo("usr/bin/python3")
        link.type, link.linkname = tarfile.LNKTYPE, "usr/bin/python3.11"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("usr/bin/plain"))
        device = tarfile.TarInfo("dev/null")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    images = FakeImages()
    images.add_image(BASE, [make_tar(layer), stream.getvalue()])

    facts = read_base_facts(images, BASE, platform=PLATFORM)

    assert facts.executable == "/usr/bin/python3.11"


def test_files_that_tell_nothing_are_passed_over():
    """A file can have a telling name and nothing in it; a giant is not read at all."""
    layer = {"/opt/ld-musl-x.so": b"x", "/usr/lib/libpython3.11.so": b"x", "/usr/lib/libc-2.99.so": b"x"}

    assert read(TINY_BASE, layer).libc == ("glibc", 36)


def test_home_comes_from_the_users_passwd_entry():
    """A user by name or number has a home there."""
    passwd = {"/etc/passwd": b"broken\napp:x:1001:0:app:/opt/app:/bin/sh\n"}

    assert read(TINY_BASE, passwd, user="app").home == "/opt/app"
    assert read(TINY_BASE, passwd, user="1001:0").home == "/opt/app"
    assert read(TINY_BASE, passwd, user="1002").home is None


@pytest.mark.parametrize(
    ("layer", "spec", "message"),
    [
        ({"/etc": (0o755, 0, 0)}, {}, "no python3 on the image's PATH"),
        ({**TINY_BASE, "/usr/bin/python3": b"file"}, {}, "expected a python3.N behind python3, got /usr/bin/python3"),
        ({**TINY_BASE, "/usr/bin/python3.11": b"x"}, {}, "the full version of /usr/bin/python3.11 is not to be found"),
        ({**TINY_BASE, "/usr/lib/x86_64-linux-gnu/libc.so.6": b"x"}, {}, "found neither glibc nor musl"),
        ({**TINY_BASE, "/usr/bin/python3": "-> bash"}, {}, "expected a python3.N behind python3, got /usr/bin/bash"),
        ({**TINY_BASE, "/usr/bin/python3": "-> python3"}, {}, "a loop of symbolic links"),
        (TINY_BASE, {"environment": (("PATH", "/nowhere"),)}, r"no python3 on the image's PATH \(/nowhere\)"),
    ],
)
def test_base_that_cannot_be_used_is_refused_with_the_reason(layer, spec, message):
    """Each way of being no base has its own words."""
    with pytest.raises(BaseUnsupported, match=message):
        read(layer, **spec)


def test_unknown_architecture_is_refused():
    """Wheels exist for the architectures that are named."""
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)], spec={"architecture": "s390x"})

    with pytest.raises(BaseUnsupported, match="expected one of the architectures amd64, arm64, got 's390x'"):
        read_base_facts(images, BASE, platform="linux/s390x")


def test_index_leads_to_the_platform():
    """A base by a tag of several platforms is pinned to the index, read by its manifest."""
    images = FakeImages()
    digest = images.add_image(BASE.with_tag("amd64"), [make_tar(TINY_BASE)])
    entry = {"digest": digest, "platform": {"os": "linux", "architecture": "amd64"}}
    body = json.dumps({"manifests": [entry]}).encode()
    images.ensure_manifest(BASE, body=body, media_type=OCI_INDEX)

    base = read_base_image(images, BASE, platform=PLATFORM)

    assert (base.reference.digest, base.named_digest) == (digest, make_digest(body))


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (lambda images: None, BaseUnsupported, "does not exist"),
        (
            lambda images: images.ensure_manifest(BASE, body=b"{}", media_type="text/plain"),
            BaseUnsupported,
            "expected an image, got media type 'text/plain'",
        ),
        (
            lambda images: images.ensure_manifest(
                BASE,
                body=json.dumps(
                    {
                        "manifests": [
                            {"digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "amd64"}}
                        ]
                    }
                ).encode(),
                media_type=OCI_INDEX,
            ),
            BaseUnsupported,
            "which is missing",
        ),
        (
            lambda images: images.add_image(BASE, [], spec={"architecture": "arm64"}),
            BaseUnsupported,
            "expected an image for linux/amd64, got one for linux/arm64",
        ),
        (
            lambda images: images.add_image(BASE, [], spec={"diff_ids": ("sha256:1",)}),
            ImageInvalid,
            "0 layers, but 1 diff IDs",
        ),
    ],
)
def test_reference_that_leads_to_no_image_is_refused(prepare, error, message):
    """Missing, of another kind, of another platform, or broken: each is said."""
    images = FakeImages()
    prepare(images)

    with pytest.raises(error, match=message):
        read_base_image(images, BASE, platform=PLATFORM)


def test_config_with_other_bytes_is_refused():
    """The config is read whole, so its digest is verified here."""
    images = FakeImages()
    images.add_image(BASE, [])
    for key in images.blobs:
        images.blobs[key] = b"{}"

    with pytest.raises(ImageInvalid, match="the config's bytes do not match"):
        read_base_image(images, BASE, platform=PLATFORM)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/bin/python", "/usr/bin/python"),
        ("/a/x", "/usr/x"),
        ("/usr/./lib/../bin", "/usr/bin"),
        ("/../etc", "/etc"),
    ],
)
def test_links_are_followed_in_every_part(path, expected):
    """Relative and absolute targets, dots and links to links."""
    links = {"/bin": "usr/bin", "/a": "b", "/b": "/usr"}

    assert resolve_links(path, links) == expected


def test_marker_environment_is_the_targets(tmp_path: Path):
    """Markers are evaluated for the base, whatever runs the builder."""
    facts = replace(read(TINY_BASE), architecture="aarch64")

    assert facts.marker_environment["platform_machine"] == "aarch64"
    assert facts.marker_environment["python_full_version"] == "3.11.2"


def test_samples_hold_what_the_scan_looks_for():
    """The fake interpreter and C library look like real ones to the scan."""
    assert b"\x003.11.2\0" in PYTHON_BODY
    assert b"version 2.36" in LIBC_BODY
    assert isinstance(BASE, Reference)
