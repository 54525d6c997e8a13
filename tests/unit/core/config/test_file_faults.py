"""Faults of a config file: each with its place and its words."""

import pytest

from tests.unit.core.config.parts import parse


def lines(text: str) -> list[str]:
    """Each finding of a text as one line."""
    return [
        f"{found.line}:{found.column} {found.severity.value} {found.code} {found.key}: {found.message} | {found.hint}"
        for found in parse(text).findings
    ]


def parse_fault(rest: str) -> list[str]:
    """The findings of a config that is right but for the lines given."""
    return lines("version: 1\nimage: {name: registry.example.org/team/ts}\n" + rest)


def test_all_faults_are_reported_at_once_in_the_order_of_the_file() -> None:
    """Misspelt and unknown keys, wrong types, bad values and YAML that is refused: one run names them all."""
    text = """\
verison: 2
image: {name: registry.example.org/team/ts, tags: [3.10, "{rel}", yes]}
strategy: layred
timeout: 5m
colour: red
python: {lock: ../Pipfile.lock, dev: 1}
resources: {cpu: 0, gpu: 1.5}
hubs: demo
smoke:
limits: {time: 30, size: &a 4Gi}
"""
    expected = [
        "1:1 error KeyMissing version: the key `version` is missing | add `version: 1`",
        "1:1 error UnknownKey verison: unknown key `verison` | did you mean `version`?",
        '2:52 error WrongType image.tags[0]: expected text, got the number 3.10 | put it in quotes: "3.10"',
        '2:58 error ValueInvalid image.tags[1]: {release} is the only placeholder of a tag, got "{rel}" | ',
        '2:67 error WrongType image.tags[2]: expected text, got the truth value yes | put it in quotes: "yes"',
        (
            "3:11 error ValueInvalid strategy: expected 'layered', 'source' or 'dockerfile', got \"layred\" | "
            "did you mean `layered`?"
        ),
        "4:1 error UnknownKey timeout: unknown key `timeout` | `timeout` belongs under `smoke`",
        (
            "5:1 error UnknownKey colour: unknown key `colour` | known keys here: version, image, images, strategy, base, "
            "python, system, source, dockerfile, s2i, resources, smoke, triggers, approvers, hubs, limits"
        ),
        (
            '6:16 error ValueInvalid python.lock: the path "../Pipfile.lock" leaves the repository | '
            "write it from the top folder, without .."
        ),
        (
            "6:38 error WrongType python.dev: expected true or false, got the number 1 | "
            "write `dev: true` or `dev: false` (Whether the develop group is installed too)"
        ),
        "7:18 error OutOfRange resources.cpu: expected a number above 0, got the number 0 | ",
        "7:26 error WrongType resources.gpu: expected a whole number, got the number 1.5 | ",
        '8:7 error WrongType hubs: expected a list, got "demo" | write `hubs: [demo]`',
        "9:1 error ValueMissing smoke: `smoke` has no value | write a value or remove the line",
        "10:16 error WrongType limits.time: expected text, got the number 30 | write `time: 30m`",
        "10:26 error AnchorFound limits.size: the anchor `&a` is not read | remove it and write each value out",
    ]

    assert lines(text) == expected
    assert parse(text).config is None


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("base: [1]\n", "3:7 error WrongType base: expected text, got a list of 1 | "),
        ("base: {a: 1}\n", "3:7 error WrongType base: expected text, got a mapping | "),
        (
            "python: text\n",
            (
                '3:9 error WrongType python: expected a mapping of keys to values, got "text" | '
                "write `python: {KEY: VALUE}`; the keys are lock, dev, environment"
            ),
        ),
        (
            "dockerfile: {args: [1]}\n",
            (
                "3:20 error WrongType dockerfile.args: expected a mapping of keys to values, got a list of 1 | "
                "write `args: {NAME: VALUE}`"
            ),
        ),
        (
            "dockerfile: {args: {A: 3.11}}\n",
            '3:24 error WrongType dockerfile.args.A: expected text, got the number 3.11 | put it in quotes: "3.11"',
        ),
        (
            "dockerfile: {args: {a-b: x}}\n",
            (
                "3:26 error ValueInvalid dockerfile.args.a-b: expected the name of a build "
                'argument (letters, digits and _), got "a-b" | '
            ),
        ),
        (
            "resources: {cpu: .inf}\n",
            "3:18 error WrongType resources.cpu: expected a finite number, got the number .inf | ",
        ),
        (
            "resources: {gpu: 65}\n",
            "3:18 error OutOfRange resources.gpu: expected a number of at most 64, got the number 65 | ",
        ),
        (
            "resources: {gpu: -1}\n",
            "3:18 error OutOfRange resources.gpu: expected a number of at least 0, got the number -1 | ",
        ),
        (
            "image: {name: a.example/b}\n",
            (
                "3:1 error DuplicateKey image: the key `image` stands here again; "
                "its first place is line 2 | keep one of the two"
            ),
        ),
        (
            "source: {path: /etc}\n",
            (
                "3:16 error ValueInvalid source.path: expected an absolute path below /srv, /opt or "
                '/home without . and .., got "/etc" | '
            ),
        ),
        (
            "images: []\n",
            (
                "3:1 error ImageTwice images: `image` and `images` are both given; one of them says where the "
                "build is pushed | move the image into the list `images`, or remove one key"
            ),
        ),
        (
            "strategy: source\n",
            (
                '3:11 error KeyMissing strategy: the strategy "source" needs `base`: the builder image '
                "that holds the s2i scripts | add `base: registry.example.org/builders/notebook:1.0`"
            ),
        ),
        (
            "strategy: dockerfile\nbase: a.example/b:1\n",
            '4:1 warning KeyUnused base: `base` has no effect: the strategy "dockerfile" does not read it | ',
        ),
        (
            "s2i: {scripts_url: 'image:///x'}\n",
            '3:1 warning KeyUnused s2i: `s2i` has no effect: only the strategy "source" reads it | ',
        ),
    ],
)
def test_each_kind_of_fault_has_its_words(rest: str, expected: str) -> None:
    """Wrong shapes, bounds, names and pairs of keys are told apart, each at its own place."""

    assert expected in parse_fault(rest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "version: 2\nimage: {name: a.example/b}\n",
            ["1:10 error ValueInvalid version: expected 1, the only version there is, got 2 | "],
        ),
        (
            'version: "1"\nimage: {name: a.example/b}\n',
            ['1:10 error WrongType version: expected a whole number, got "1" | write `version: 1`'],
        ),
        (
            "version: true\nimage: {name: a.example/b}\n",
            ["1:10 error WrongType version: expected a whole number, got the truth value true | "],
        ),
        (
            "version: 1\n",
            [
                (
                    "1:1 error ImageMissing None: neither `image` nor `images` says where the build is pushed | "
                    "add `image: {name: registry.example.org/team/name}`"
                )
            ],
        ),
        (
            "version: 1\nimage: {tags: []}\n",
            [
                (
                    "2:1 error KeyMissing image.name: the key `image.name` is missing | "
                    "add `name: registry.example.org/team/ts`"
                ),
                "2:15 error OutOfRange image.tags: expected at least this many items: 1, got a list of 0 | ",
            ],
        ),
        (
            "version: 1\nimages:\n  - name: a.example/x/ts\n  - name: b.example/y/ts\n",
            [
                (
                    "4:11 error DuplicateImage images[1].name: two images are called `ts`; a hub lists an image by this name | "
                    "rename this one or images[0]"
                )
            ],
        ),
        (
            "version: 1\nimages:\n  - {name: a.example/x/ts, tag: latest}\n",
            ["3:28 error UnknownKey images[0].tag: unknown key `tag` | did you mean `tags`?"],
        ),
        ("", ["1:1 error FileEmpty None: the file holds no keys | see the examples in config-schema"]),
        ("- a\n", ["1:1 error WrongType None: expected a mapping of keys to values, got a list of 1 | "]),
        ("text\n", ['1:1 error WrongType None: expected a mapping of keys to values, got "text" | ']),
        (
            "a: b: c\n",
            [
                (
                    "1:5 error YAMLInvalid None: the file is not valid YAML: mapping values are not allowed here | "
                    "check the indentation, quotes and brackets at this line and the one before"
                )
            ],
        ),
    ],
)
def test_faults_of_the_whole_file_are_named(text: str, expected: list[str]) -> None:
    """A wrong version, no image, colliding images, an empty file and a file of another shape each have one answer."""

    assert lines(text) == expected


def test_key_without_value_of_the_root_list_is_found() -> None:
    """An empty item in a list is a fault at its place, and no second one comes from the type check."""

    assert parse_fault("hubs: [demo, ]\nsystem: {apt: [~]}\n") == [
        "4:10 error ValueMissing system.apt[0]: `system.apt[0]` has no value | write a value or remove the line"
    ]


def test_rules_between_keys_are_held_beside_a_misspelt_one() -> None:
    """What several keys say together is told in the same run as what one of them says wrong."""
    text = """\
version: 1
images:
  - {name: a.example/x/ts, colour: red}
  - {name: b.example/y/ts}
strategy: source
dockerfile: {path: x}
hubs: [demo, 3.1]
smoke:
"""

    assert [line.partition(": ")[0] for line in lines(text)] == [
        "3:28 error UnknownKey images[0].colour",
        "4:12 error DuplicateImage images[1].name",
        "5:11 error KeyMissing strategy",
        "6:1 warning KeyUnused dockerfile",
        "7:14 error WrongType hubs[1]",
        "8:1 error ValueMissing smoke",
    ]


@pytest.mark.parametrize("rest", ["strategy: source\nbase: 3\n", "strategy: sorce\ns2i: {}\n", "image: {tags: [x]}\n"])
def test_rules_that_a_fault_makes_meaningless_are_not_held(rest: str) -> None:
    """A base that is there, with a fault, is not called missing; a strategy that is misspelt makes nothing useless."""
    codes = {line.split()[2] for line in parse_fault(rest)}

    assert codes & {"KeyMissing", "KeyUnused"} == set()
