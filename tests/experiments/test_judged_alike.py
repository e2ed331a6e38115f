"""Runs of generative experiments that were judged differently are not compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.generative.gan_fashion import EvaluationConfig
from lab.config import to_json
from lab.experiment import load
from lab.sides import SidesDifferError, sides_of
from tests.lab.written_runs import written


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("gan_fashion", {"judged": 1_000}),
        ("gan_fashion", {"real": 1_000}),
        ("vae_mnist", {"importance_samples": 100}),
        ("vae_mnist", {"bits_seed": 1}),
        ("pixelcnn_mnist", {"judged": 1_000}),
        ("pixelrnn_mnist", {"bits_seed": 1}),
        ("pixelcnn_fashion_256", {"judged": 1_000}),
    ],
)
def test_they_are_refused_beside_each_other(name: str, apart: dict[str, Any], tmp_path: Path) -> None:
    config = load(name).Config()
    others = replace(config, evaluation=replace(config.evaluation, **apart))
    for address, each in (("aa11", config), ("bb22", others)):
        written(tmp_path, name, 0, {100: 1.0}, address=address, config={"evaluation": to_json(each)["evaluation"]})
    (setting,) = apart
    with pytest.raises(SidesDifferError, match=rf"evaluation\.{setting} is "):
        sides_of([f"{name}/aa11", f"{name}/bb22"], tmp_path)


def test_a_feature_network_counts_by_what_is_in_it(tmp_path: Path) -> None:
    for name, content in (("one.pt", b"weights"), ("copy.pt", b"weights"), ("another.pt", b"others")):
        (tmp_path / name).write_bytes(content)
        judging = to_json(EvaluationConfig(extractor=str(tmp_path / name)))
        written(tmp_path / "runs", "gan_fashion", 0, {100: 1.0}, address=f"{name[:3]}1", config={"evaluation": judging})
    sides_of(["gan_fashion/one1", "gan_fashion/cop1"], tmp_path / "runs")
    with pytest.raises(SidesDifferError, match=r"evaluation\.extractor_sha256 is "):
        sides_of(["gan_fashion/one1", "gan_fashion/ano1"], tmp_path / "runs")
