"""The Q-network: a backbone, and above it one stream of linear layers or two (duelling) that give actions their values.

Sources: Mnih et al. 2015; Wang et al. 2016, "Dueling network architectures for deep reinforcement learning",
https://arxiv.org/abs/1511.06581; Bellemare et al. 2017 (atoms); Fortunato et al. 2018 (noisy layers).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from agents.losses import at_least_float32
from agents.noisy import NoisyLinear
from lab.backbones import Backbone


class QNetwork(nn.Module):
    """[B, *observation_shape] -> [B, A], the value of each action, or [B, A, K], the logits of its distribution.

    Outputs are in float32 at least, whatever the parameters are: the values of two actions often agree in all the bits
    of a bfloat16.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_actions: int,
        *,
        hidden: tuple[int, ...] = (),
        duelling: bool = False,
        atoms: int | None = None,
        noisy: float | None = None,
    ):
        """Draws initial weights from torch's global generator, as torch's linear layers do.

        Args:
            backbone: The network below.
            num_actions: A, how many actions are to be valued.
            hidden: Units of the layers, with a ReLU each, between the backbone and the outputs; of each stream.
            duelling: Two streams, for the value of the state and the advantages of the actions.
            atoms: K, for a distribution of each action's return; none for its value.
            noisy: sigma_0 of the noise in all layers above the backbone; none for layers without.

        Raises:
            ValueError: if a size leaves nothing to learn.
        """
        super().__init__()
        sizes = {"num_actions": num_actions, "hidden": min(hidden, default=1), "atoms": 2 if atoms is None else atoms}
        for (name, size), least in zip(sizes.items(), (1, 1, 2), strict=True):
            if size < least:
                raise ValueError(f"{name} has {size}, with which nothing is learnt. Use at least {least}.")
        self.num_actions, self.atoms = num_actions, atoms
        self.backbone = backbone
        num_values, num_features = atoms or 1, backbone.out_features
        advantage = _stream(num_features, hidden, num_actions * num_values, noisy)
        self.head = Duelling(_stream(num_features, hidden, num_values, noisy), advantage) if duelling else advantage

    def forward(self, observations: Tensor) -> Tensor:
        outputs = at_least_float32(self.head(self.backbone(observations)))
        return outputs if self.atoms is None else outputs.unflatten(-1, (self.num_actions, self.atoms))

    @torch.no_grad()
    def rescale(self, scale: Tensor, shift: Tensor) -> None:
        """Changes the last layer of each stream, in place, so that every value q becomes scale * q + shift.

        scale and shift are tensors of one number on the network's device.

        Raises:
            ValueError: for distributions, or parameters of less than float32.
        """
        if self.atoms is not None:
            raise ValueError(
                f"The network's outputs are logits of {self.atoms} atoms, which a new scale of values does not scale. "
                "Leave atoms out, or rescale the support instead."
            )
        head = self.head
        layers = [_last(stream) for stream in ((head.value, head.advantage) if isinstance(head, Duelling) else (head,))]
        parameters = [parameter for layer in layers for parameter in layer.parameters()]
        if any(torch.finfo(parameter.dtype).bits < 32 for parameter in parameters):
            raise ValueError(
                f"The last layer is of {parameters[0].dtype}, whose rounding swallows a change of scale by a few "
                "thousandths. Rescale a float32 network, and copy it to the one of fewer bits."
            )
        for parameter in parameters:
            parameter.mul_(scale)
        # The value alone is shifted: a shift of all advantages would be subtracted again with their mean.
        layers[0].bias.add_(shift)


class Duelling(nn.Module):
    """[B, F] -> [B, A * K]: value + advantage - mean advantage (Wang et al. 2016, equation 9), for each atom."""

    def __init__(self, value: nn.Module, advantage: nn.Module):
        super().__init__()
        self.value = value  # [B, F] -> [B, K]
        self.advantage = advantage  # [B, F] -> [B, A * K]

    def forward(self, features: Tensor) -> Tensor:
        value = self.value(features)
        advantage = at_least_float32(self.advantage(features)).unflatten(-1, (-1, value.shape[-1]))
        return (value[:, None] + advantage - advantage.mean(1, keepdim=True)).flatten(1)


def _stream(in_features: int, hidden: tuple[int, ...], out_features: int, noisy: float | None) -> nn.Module:
    """Linear layers with ReLUs between them; a single one stands for itself, so that its name is the stream's."""

    def linear(in_features: int, out_features: int) -> nn.Linear | NoisyLinear:
        if noisy is None:
            return nn.Linear(in_features, out_features)
        return NoisyLinear(in_features, out_features, sigma_0=noisy)

    sizes = [in_features, *hidden]
    layers = nn.Sequential()
    for i, (below, above) in enumerate(pairwise(sizes)):
        layers.add_module(f"hidden_{i}", linear(below, above))
        layers.add_module(f"activation_{i}", nn.ReLU())
    output = linear(sizes[-1], out_features)
    if not hidden:
        return output
    layers.add_module("output", output)
    return layers


def _last(stream: nn.Module) -> nn.Linear | NoisyLinear:
    """The layer from which a stream's outputs come."""
    layer = stream[-1] if isinstance(stream, nn.Sequential) else stream
    assert isinstance(layer, nn.Linear | NoisyLinear)
    return layer
