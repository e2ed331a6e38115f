"""The table of results, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.experiment import Bound
from lab.results.page import HEAD, Entry, page, summary
from lab.results.result import SeedScore
from tests.lab.results.cases import STAND, TARGET, experiment, result
from tests.toys import walk

CART = Entry(experiment(), result())
LAST = ("1 min 15 s", "AMD EPYC 7B13, 2 cores", "2026-02-03", "`0123456`")


def row(entry: Entry) -> list[str]:
    """The cells of an entry's row."""
    (line,) = [line for line in page([entry]).splitlines() if line.startswith("| `")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page() -> None:
    few = replace(TARGET, metric="eval/mse", at_least=None, at_most=0.5, statistic="mean", published=0.75)
    others = [
        Entry(experiment("digits", "supervised", few), None),
        Entry(experiment("boat", target=replace(TARGET, needs="a GPU")), None),
    ]
    expected = f"""{HEAD}
3 targets: 1 pass and 2 open.

## Agents

| experiment | published | bound | ours | each seed | verdict | a seed takes | machine | date | commit |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| `boat` | none known | IQM >= 475 |  |  | **open**: needs a GPU |  |  |  |  |
| `cart` | none known | IQM >= 475 | **490** [480, 500] | 500, 490, 480 | pass | {" | ".join(LAST)} |

## Supervised

| experiment | published | bound | ours | each seed | verdict | a seed takes | machine | date | commit |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| `digits` | 0.75 | mean <= 0.5 |  |  | **open** |  |  |  |  |

## Protocols

- `boat`: `eval/return` after 50,000 steps, IQM over at least 3 seeds
  - protocol: 20 episodes
  - source: the zoo
- `cart`: `eval/return` after 50,000 environment steps, IQM over at least 3 seeds
  - protocol: 20 episodes
  - source: the zoo
  - seeds 0, 1, 2: AMD EPYC 7B13 64-Core Processor, 2 cores, no GPU; 1 thread, deterministic kernels; Python 3.11.7, \
torch 2.13.0+cpu; commit 0123456789abcdef
- `digits`: `eval/mse` after 50,000 steps, mean over at least 3 seeds
  - protocol: 20 episodes
  - source: the zoo
"""
    assert page([CART, *others]) == expected
    assert page([*others, CART]) == expected, "the order in which files are found does not matter"


def test_what_is_published_is_what_the_experiment_names_today() -> None:
    found = replace(TARGET, published=480.0, source="another zoo")
    told = Entry(experiment(target=found), result())
    assert row(told)[1] == "480"
    assert "  - source: another zoo" in page([told])
    assert row(Entry(experiment(target=None), result()))[1] == "none known"


def test_a_missed_target_and_an_outdated_result_stand_out() -> None:
    missed = Entry(experiment(), result(verdict="fail"))
    assert row(missed)[5] == "**MISSED**"
    assert summary([CART, missed, missed]) == "3 targets: 1 pass and 2 MISSED."
    old = Entry(experiment(target=replace(TARGET, at_least=495.0)), result())
    assert row(old)[2:4] == ["IQM >= 475", "**490** [480, 500]"], "it stands beside the bound that it was held to"
    assert row(old)[5] == "**outdated**: its target was changed"
    assert summary([]) == "No targets."


@pytest.mark.parametrize(
    ("bounds", "scores", "ours", "each"),
    [
        ({"at_least": 475.0}, (474.99, 474.98), "**474.99** [474.98, 474.99]", "474.99, 474.98"),
        ({"at_least": 475.0}, (475.0, 475.0), "**475** [475, 475]", "475, 475"),
        ({"at_most": 2980.61559}, (2980.61263, 2980.61262), "**2980.61** [2980.61, 2980.61]", "2980.61, 2980.61"),
        ({"at_least": -90.0}, (-89.71, -94.123), "**−89.71** [−94.12, −89.71]", "−89.71, −94.12"),
        ({"at_least": 1000.0}, (23456.7, 12345.6), "**23,457** [12,346, 23,457]", "23,457, 12,346"),
    ],
)
def test_numbers_have_the_digits_that_tell_them_from_the_bound(
    bounds: dict[str, Any], scores: tuple[float, float], ours: str, each: str
) -> None:
    target = replace(TARGET, **({"at_least": None} | bounds))
    estimate, low = scores
    measured = result(scores=scores, target=target, estimate=estimate, interval=(low, estimate))
    assert row(Entry(experiment(target=target), measured))[3:5] == [ours, each]


def test_a_bound_on_each_seed_and_a_single_seed() -> None:
    target = replace(TARGET, each_seed_at_least=400.0, published=500.0, seeds=1)
    cells = row(Entry(experiment(target=target), result(scores=(499.0,), estimate=499.0, interval=None, target=target)))
    assert cells[1:5] == ["500", "IQM >= 475, no seed < 400", "**499**", "499"]


def test_seeds_other_than_the_first_are_named() -> None:
    first, last = (
        SeedScore(seed=seed, score=490.0 + seed, seconds=1.0, finished=f"2026-02-0{seed}T23:59:59+00:00")
        for seed in (5, 7)
    )
    cells = row(Entry(experiment(), result(seeds=(first, last))))
    assert cells[4] == "5: 495, 7: 497"
    assert cells[8] == "2026-02-05 to 2026-02-07"


def test_every_machine_and_commit_is_shown() -> None:
    free = replace(STAND, seeds=(2,), deterministic=False, threads=4, commit="fedcba9876543210")
    gpu = replace(free, device="cuda:1", gpus=("A100", "H100"))
    lost = replace(gpu, commit=None, uncommitted=("a.py", "b.py"))
    many = replace(gpu, uncommitted=("a.py", "b.py", "c.py", "d.py"))
    entry = Entry(experiment(), result(stands=(replace(STAND, seeds=(0, 1)), gpu, lost, many)))
    assert row(entry)[7] == "AMD EPYC 7B13, 2 cores and H100"
    assert row(entry)[9] == "`0123456` and `fedcba9` and unknown, dirty and `fedcba9`, dirty"
    text = page([entry])
    assert "  - seeds 0, 1: AMD EPYC" in text
    assert "  - seed 2: AMD EPYC" in text
    assert "2 cores, A100, H100 (run on cuda:1); 4 threads, kernels that need not be deterministic; Python" in text
    assert "code outside a git checkout with uncommitted changes in a.py and b.py\n" in text
    assert "commit fedcba9876543210 with uncommitted changes in 4 files\n" in text


@pytest.mark.parametrize(
    ("processor", "short"),
    [
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "Intel Xeon Platinum 8481C"),
        ("Intel(R) Xeon(R) Processor", "Intel Xeon"),
        ("AMD EPYC", "AMD EPYC"),
        ("arm", "arm"),
    ],
)
def test_processors_are_called_by_their_names(processor: str, short: str) -> None:
    assert row(Entry(experiment(), result(stands=(replace(STAND, processor=processor),))))[7] == f"{short}, 2 cores"


def test_a_variant_and_the_settings_of_the_run_are_told() -> None:
    arms = experiment(arms=lambda config: {"drift": config, "none": walk.Config(stride=3)})
    entry = Entry(arms, result(variant="drift", differences=("run.threads 2",)))
    assert row(entry)[0] == "`cart`, drift"
    assert "  - measured with run.threads 2\n" in page([entry])


def test_further_metrics_stand_beside_the_target_and_what_was_measured() -> None:
    target = replace(TARGET, beside=(Bound(metric="eval/test_intent", at_least=0.97),))
    measured = result(target=target)
    seeds = tuple(replace(item, beside=(0.96 + item.seed / 100,)) for item in measured.seeds)
    cells = row(Entry(experiment(target=target), replace(measured, seeds=seeds)))
    assert cells[2:4] == ["IQM >= 475; test intent >= 0.97", "**490** [480, 500]; test intent 0.97"]
