"""What bench-layers concludes: medians, bars, what is worse, and which builds a case needs."""

from __future__ import annotations

import json

from bench.figures import Figure
from bench.layers.bars import Bar, Verdict, find_worse, index_rows, judge
from bench.layers.chains import cases_of, find_last_step, make_chains, make_notebook_chain
from bench.layers.meter import Measurement
from bench.layers.samples import CASES, STARTS, SUBJECTS, Samples


def make_figure(case, subject, **values):
    """A row of a bench."""
    return Figure(case=case, subject=subject, **values)


def test_samples_become_medians_and_survive_a_stop(tmp_path):
    """The file holds every sample; a resumed run has them, and its rows are medians."""
    path = tmp_path / "out" / "samples.json"
    samples = Samples(path, resume=False)
    for run, wall in enumerate((3.0, 1.0, 2.0), start=1):
        measured = Measurement(wall_s=wall, cpu_s=wall * 2, up_bytes=run, down_bytes=7, rss_bytes=9)
        samples.add("cold", "uv", run, measured, image_bytes=5, layers=4)

    again = Samples(path, resume=True)
    assert again.figures() == [
        make_figure("cold", "uv", wall_s=2.0, cpu_s=4.0, up_bytes=2, down_bytes=7, rss_bytes=9, runs=3)
    ]
    assert [again.has("cold", "uv", run) for run in (1, 4)] == [True, False]
    assert Samples(path, resume=False).figures() == []
    assert len(json.loads(path.read_bytes())) == 3


def test_figures_that_make_no_sense_are_null(tmp_path):
    """A started server has a time only."""
    samples = Samples(tmp_path / "samples.json", resume=False)
    samples.add("jupyterlab-start", "uv", 1, Measurement(wall_s=1.5, cpu_s=0, up_bytes=0, down_bytes=0, rss_bytes=0))

    assert samples.figures() == [make_figure("jupyterlab-start", "uv", wall_s=1.5)]


def test_a_bar_is_met_by_the_peers_figure_over_ours():
    """A bar that was not measured is not met."""
    rows = index_rows(
        [make_figure("cold", "hublish", wall_s=10.0), make_figure("cold", "uv", wall_s=29.0)],
    )
    judged = {(item.bar.case, item.bar.peer, item.bar.least): item for item in judge(rows)}

    assert judged["cold", "uv", 3] == Verdict(bar=Bar(case="cold", peer="uv", least=3, aim=5), ratio=2.9)
    assert [judged["cold", "uv", least].met for least in (3, 1)] == [False, True]
    assert not judged["cold", "pipenv", 5].met


def test_what_is_worse_names_case_figure_and_peer():
    """Less by two hundredths or more counts; equal figures and missing ones do not."""
    rows = index_rows(
        [
            make_figure("cold", "hublish", wall_s=10.0, rss_bytes=400, up_bytes=100),
            make_figure("cold", "uv", wall_s=50.0, rss_bytes=200, up_bytes=99),
            make_figure("cold", "pipenv", wall_s=9.0, rss_bytes=100),
        ]
    )

    assert find_worse(rows) == ["cold: time 1.1x that of pipenv", "cold: memory 4.0x that of pipenv, 2.0x that of uv"]


def test_the_chains_yield_every_case():
    """Every row of the issue is measured for every subject."""
    for subject in SUBJECTS:
        assert sorted({case for chain in make_chains() for case in cases_of(chain, subject)} - set(STARTS)) == sorted(
            CASES
        )


def test_a_case_needs_the_builds_before_it_and_no_later_ones():
    """The node's second pull needs the bump, though no build of that case is asked for."""
    chain = make_notebook_chain()

    assert [find_last_step(chain, [case]) for case in ("cold", "bump-big", "node-bump", "jupyterlab-start")] == [
        0,
        2,
        2,
        0,
    ]
