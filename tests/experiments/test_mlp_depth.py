"""mlp_depth: what is compared has equally many parameters, whatever the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from experiments.supervised.mlp_depth import DEPTHS, Config, variants
from lab.seeding import Seeds
from supervised.classifier import Classifier


@pytest.mark.parametrize(("data", "shape"), [("digits", (1, 8, 8)), ("fashion_mnist", (1, 28, 28))])
def test_all_depths_have_as_many_parameters(data: Literal["digits", "fashion_mnist"], shape: tuple[int, ...]) -> None:
    config = Config(data=data)
    counts, widths = {}, []
    for name, arm in variants(config).items():
        classifier = Classifier(arm.classifier, arm.backbone.build(shape), 10, Seeds(0))
        counts[name] = sum(parameter.numel() for parameter in classifier.network.parameters())
        assert len(set(arm.backbone.widths)) == 1
        assert replace(arm, backbone=config.backbone) == config, "nothing but the widths differs"
        widths.append(arm.backbone.widths)
    assert max(counts.values()) <= 1.01 * min(counts.values())
    assert all(abs(count - config.parameters) < 0.01 * config.parameters for count in counts.values())
    assert tuple(map(len, widths)) == DEPTHS
    assert [width for width, *_ in widths] == sorted((width for width, *_ in widths), reverse=True)
