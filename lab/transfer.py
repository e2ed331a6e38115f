"""Transfer learning: a backbone begins with what another task taught it, and stays so or learns on.

Source: Yosinski, Clune, Bengio and Lipson 2014, "How transferable are features in deep neural networks?"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor, nn

from lab.backbones import Backbone, MLPConfig
from lab.seeding import Seeds
from lab.weights import WeightsError, digest_of, load_weights, read_about, read_weights


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """What a backbone begins with and how it goes on; `--from RUN` fills in the first two. By default all is random."""

    weights: str = field(default="", metadata={"place": True})  # a file of weights; none: it begins at random
    sha256: str = ""  # the file's digest: where it lies does not matter to the run, what is in it does
    frozen: bool = False  # what was learnt before stays as it is, and only the layers above learn
    rate: float = 0.1  # if not frozen: the share of the learning rate for what was learnt before
    added: tuple[int, ...] = ()  # units of new layers between it and the head, with a ReLU each

    def __post_init__(self) -> None:
        """Raises ValueError for settings that contradict each other or are out of range."""
        if not 0 <= self.rate <= 1:
            raise ValueError(
                f"transfer.rate is {self.rate}, but it is a share of the learning rate. Set it from 0 to 1."
            )
        if bool(self.weights) != bool(self.sha256):
            raise ValueError(
                f"transfer.weights is {self.weights!r} and transfer.sha256 {self.sha256!r}, but a file is named by "
                "both. Give it by --from FILE, or make the settings by TransferConfig.of(file)."
            )

    @classmethod
    def of(
        cls, path: Path | str, *, frozen: bool = False, rate: float = 0.1, added: tuple[int, ...] = ()
    ) -> TransferConfig:
        """The settings that begin with a file of weights. Raises WeightsError if it is not there."""
        return cls(weights=str(Path(path).resolve()), sha256=digest_of(path), frozen=frozen, rate=rate, added=added)


class Transferred(Backbone):
    """A backbone that was taught elsewhere, and above it the layers that are new: [B, *input_shape] -> [B, F]."""

    def __init__(self, old: Backbone, new: Backbone, config: TransferConfig):
        super().__init__(old.input_shape, new.out_features)
        self.old, self.new, self.frozen, self.share = old, new, config.frozen, config.rate
        if self.frozen:
            old.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Transferred:
        """As torch's; but what is frozen stays as it is judged: its dropout off, its batch norms' statistics fixed."""
        super().train(mode)
        if self.frozen:
            self.old.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        return self.new(self.old(inputs))


def transferred(backbone: Backbone, config: TransferConfig, seeds: Seeds) -> Backbone:
    """The backbone as the config has it begin; the same one if that is at random and with nothing added.

    Raises WeightsError if the file is not there, is not the one it was, or does not fit the backbone; ValueError for
    one that is to stay as it is at random.
    """
    check_begun(config)
    if config.weights:
        _load(backbone, config)
    elif not config.added:
        return backbone
    with seeds.initialising("transfer/added"):
        new = MLPConfig(widths=config.added).build((backbone.out_features,))
    # At random there is nothing old: all of it learns at the whole rate.
    return Transferred(backbone, new, config if config.weights else TransferConfig(rate=1.0))


def check_begun(config: TransferConfig) -> None:
    """Raises ValueError for a backbone that is to stay as it is at random."""
    if config.frozen and not config.weights:  # not said by the config itself: `--from` comes after it
        raise ValueError(
            "transfer.frozen is set, but the backbone begins at random, where staying as it is teaches it nothing. "
            "Say what it begins with (--from RUN), or let it learn."
        )


def arms(config: TransferConfig) -> dict[str, TransferConfig]:
    """What a comparison sets side by side: from scratch and, with something to begin with, frozen and learning on.

    All have the same added layers. Raises ValueError for one that is to stay as it is at random.
    """
    check_begun(config)
    begun = {"frozen": replace(config, frozen=True), "all": replace(config, frozen=False)} if config.weights else {}
    return {"scratch": TransferConfig(added=config.added), **begun}


def shares(network: nn.Module) -> Mapping[nn.Parameter, float]:
    """The share of the learning rate of each parameter that learns at less than the whole: for `Descent`."""
    return {
        parameter: part.share
        for part in network.modules()
        if isinstance(part, Transferred)
        for parameter in part.old.parameters()
    }


def _load(backbone: Backbone, config: TransferConfig) -> None:
    found = digest_of(config.weights)
    if found != config.sha256:
        raise WeightsError(
            f"{config.weights} is not the file that this run began with: its SHA-256 is {found}, but it was "
            f"{config.sha256}. Put that file back, or begin another run with --from {config.weights}."
        )
    shape = read_about(config.weights).get("input_shape")
    if shape is not None and tuple(shape) != backbone.input_shape:
        raise WeightsError(
            f"{config.weights} holds a backbone that was taught on inputs of shape {shape}, but these are "
            f"{list(backbone.input_shape)}. Bring the inputs to the shape it knows, or begin with another backbone."
        )
    load_weights(backbone, read_weights(config.weights), config.weights)
