"""A linear autoencoder finds the directions in which handwritten digits differ most: the principal components' span."""

from __future__ import annotations

from dataclasses import dataclass

from generative.autoencoder import Autoencoder, AutoencoderConfig
from generative.principal import Principal
from lab.backbones import MLPConfig
from lab.data import Batches, Dataset, digits
from lab.experiment import Bound, Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ae_linear_digits."""

    backbone: MLPConfig = MLPConfig(widths=())  # no layer below the code
    autoencoder: AutoencoderConfig = AutoencoderConfig(
        optimizer=OptimizerConfig(kind="adam", learning_rate=1e-2, decay=cosine(1.0, 0.0, 6_000)), size=10
    )
    run: RunConfig = RunConfig(
        steps=6_000, log_every=500, evaluate_every=2_000, save_every=2_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: an autoencoder x all digits at every update, each pixel less its mean."""
    device, (inputs, labels) = config.run.torch_device(), (digits().inputs, digits().labels)
    centred = Dataset(inputs - inputs.mean(0), labels).to(device)
    principal = Principal.of(centred.inputs, config.autoencoder.size).components
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(inputs.shape[1:]))
    learner = Autoencoder(config.autoencoder, backbone, MLPConfig(widths=()), seeds, device, principal=principal)
    return Fit(learner, Batches(centred, len(centred), seeds.child("batches")), {"train": centred})


PRINCIPAL = 0.01919647038  # mean squared error of a pixel by ten principal components; a test works it out anew

TARGET = Target(
    metric="eval/train_distance",
    at_most=1e-3,
    steps=6_000,
    statistic="mean",
    seeds=5,
    protocol="sine of the largest angle between the spans of the decoder and of the first ten principal components of "
    "the 1,797 digits of scikit-learn, last weights",
    source="Baldi and Hornik 1989: at its optimum a linear autoencoder spans the principal components",
    published=0.0,
    beside=(Bound(metric="eval/train_error", at_most=PRINCIPAL * (1 + 1e-3)),),
)

SMOKE = Config(run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, device="cpu", threads=1))
