"""The backbone: a network that turns examples into features and declares both of their sizes."""

from __future__ import annotations

from typing import ClassVar, Protocol

from torch import Tensor, nn


class Backbone(nn.Module):
    """[B, *input_shape] -> [B, out_features].

    A head reads `out_features` and never guesses. The names of the parameters depend on the architecture
    alone (not on dropout or activation), so `load_state_dict` moves weights between any two owners of one
    architecture.
    """

    config: BackboneConfig | None = None  # what it was built from, so that weights can travel with their settings

    def __init__(self, input_shape: tuple[int, ...], out_features: int):
        super().__init__()
        self.input_shape = tuple(input_shape)  # of one example, without the batch
        self.out_features = out_features

    def check(self, inputs: Tensor) -> None:
        """Refuses inputs that are not [B, *input_shape] of a floating-point type."""
        if inputs.shape[1:] != self.input_shape:
            raise self.shape_error(inputs)
        self.check_type(inputs)

    def check_type(self, inputs: Tensor) -> None:
        if not inputs.is_floating_point():
            raise ValueError(
                f"{type(self).__name__} was given inputs of type {inputs.dtype}, which its weights cannot "
                "multiply. Convert them first: pixels by inputs.float() / 255, tokens by an embedding."
            )

    def shape_error(self, inputs: Tensor) -> ValueError:
        name, given = type(self).__name__, tuple(inputs.shape)
        if given == self.input_shape:
            fix = "The batch axis is missing: pass inputs[None] for a batch of one."
        else:
            fix = f"Reshape the inputs, or build the {name} with input_shape {given[1:]}."
        expected = ", ".join(["B", *map(str, self.input_shape)])
        return ValueError(f"{name} was given inputs of shape {list(given)}, but it was built for [{expected}]. {fix}")


class BackboneConfig(Protocol):
    """A frozen keyword-only dataclass that builds a backbone for examples of a shape."""

    example_shape: ClassVar[tuple[int, ...]]  # a small shape that the defaults accept; the contract tests build with it

    def build(self, input_shape: tuple[int, ...]) -> Backbone:
        """Draws initial weights from torch's global generator: wrap it in `seeds.initialising(name)`."""
        ...


def check_axes(owner: str, input_shape: tuple[int, ...], axes: str) -> None:
    """Refuses an input shape that does not have the named axes ("C H W"), each at least 1."""
    names = axes.split()
    if len(input_shape) != len(names) or min(input_shape) < 1:
        raise ValueError(
            f"{owner} was to be built for input_shape {tuple(input_shape)}, but one example must have the "
            f"axes ({', '.join(names)}), each at least 1. Give the shape of one example, without the batch."
        )
