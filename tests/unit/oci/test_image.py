"""Image configs: read from anybody, written canonically."""

from __future__ import annotations

import json

import pytest

from hublish.errors import ImageInvalid
from hublish.oci.image import HistoryEntry, ImageSpec, parse_spec, render_spec

FULL = ImageSpec(
    architecture="arm64",
    os="linux",
    variant="v8",
    created="2026-11-21T10:00:00Z",
    diff_ids=("sha256:1",),
    history=(
        HistoryEntry(created="2026-11-21T10:00:00Z", created_by="a layer"),
        HistoryEntry(created=None, created_by="a setting", empty_layer=True),
    ),
    environment=(("PATH", "/bin"), ("EMPTY", ""), ("WITH", "a=b")),
    entrypoint=("/init",),
    command=("serve", "--now"),
    user="1000:0",
    working_directory="/home",
    labels=(("a", "1"), ("b", "2")),
    exposed_ports=("8080/tcp",),
    volumes=("/data",),
    stop_signal="SIGINT",
)


def test_spec_is_read_back_from_what_was_written():
    """Nothing of a full config is lost."""
    assert parse_spec(render_spec(FULL)) == FULL


def test_small_spec_has_no_empty_keys():
    """What has no value is left out, so that equal images have equal bytes."""
    expected = b'{"architecture":"amd64","config":{},"os":"linux","rootfs":{"diff_ids":[],"type":"layers"}}'
    body = b'{"architecture":"amd64","os":"linux","config":null,"rootfs":{"type":"layers","diff_ids":null}}'

    rendered = render_spec(parse_spec(body))

    assert json.loads(rendered) == {key: value for key, value in json.loads(expected).items() if value}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"config": [1], "rootfs": {}}, "expected objects under 'config' and 'rootfs'"),
        ({"rootfs": 1}, "expected objects under 'config' and 'rootfs'"),
        ({"rootfs": {}, "config": {"Labels": [1]}}, "expected an object under 'Labels'"),
        ({"rootfs": {}, "os": 3}, "expected text under 'os', got int"),
        ({"rootfs": {}, "config": {"Env": "x"}}, "expected a list of texts under 'Env'"),
        ({"rootfs": {"diff_ids": [1]}}, "expected a list of texts under 'diff_ids'"),
        ({"rootfs": {}, "config": {"Volumes": [1]}}, "expected an object under 'Volumes'"),
        ({"rootfs": {}, "history": [1]}, "expected a list of objects under 'history'"),
    ],
)
def test_broken_config_is_refused_with_its_key(document, message):
    """Foreign JSON of any shape ends in one error that names the key."""
    with pytest.raises(ImageInvalid, match=message):
        parse_spec(json.dumps(document).encode())


def test_instructions_for_builds_on_top_are_read_and_not_written():
    """Whoever builds on the image must know them; an image that is made has none."""
    spec = parse_spec(b'{"architecture":"amd64","os":"linux","rootfs":{},"config":{"OnBuild":["COPY . /x"]}}')

    assert spec.on_build == ("COPY . /x",)
    assert b"COPY" not in render_spec(spec)
