"""What is said of builds of pull requests: nothing was pushed, and what a release would deliver."""

from __future__ import annotations

from dataclasses import replace

from hublish.core.answers.report import NOT_SMOKE_TESTED, Answer, render_answer
from hublish.core.status import RunState
from tests.unit.core.answers.samples import IMAGE

PLACE = "registry.example.org/team"
TRIED = replace(
    IMAGE, pushed=False, tags=(), kept_tags=(), delivered_as=("registry.example.org/team/ts:{release}",), layers=3,
    size_bytes=2_000_000, uploaded_bytes=0, seconds=2.0, digest="sha256:" + "a" * 64,
)  # fmt: skip


def test_several_images_of_a_pull_request_stand_in_one_table() -> None:
    """Each with what a release would deliver it as; none with an upload or a place it stands at."""
    other = replace(TRIED, title="gpu", delivered_as=("registry.example.org/team/gpu:{release}",))
    answer = Answer(
        run_id="r1", run_url="https://hublish.example.com/runs/r1", state=RunState.DELIVERED, wanted="7", sha="b" * 40,
        images=(TRIED, other), pull_request=True,
    )  # fmt: skip
    digest = f"`sha256:{'a' * 64}`"
    expected = "\n".join(
        (
            "**Built:** pull request 7 at bbbbbbb",
            "",
            "| image | size | time |",
            "| --- | --- | --- |",
            f"| `ts`, not pushed; a release delivers it as `{PLACE}/ts:{{release}}`<br>{digest} | 2.0 MB in 3 layers | 2.0 s |",
            f"| `gpu`, not pushed; a release delivers it as `{PLACE}/gpu:{{release}}`<br>{digest} | 2.0 MB in 3 layers | 2.0 s |",
            "",
            f"Smoke test: {NOT_SMOKE_TESTED}.",
            "",
            "[Steps and log](https://hublish.example.com/runs/r1)",
            "",
            "<!-- hublish:answer:r1 -->",
        )
    )

    assert render_answer(answer) == expected
