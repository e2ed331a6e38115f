"""The cliff in the error surface of a recurrent network of one unit, and what clipping does for descents near it.

x(t) = w sigmoid(x(t-1)) + b from x(0) = 1/2; the loss is (sigmoid(x(50)) - 0.7)^2. The cliff stands where the first
state is a fixed point that drives all others away, along b = 1/2 - w sigmoid(1/2) for w above 4.26: on one side the
state climbs, on the other it falls, and one step along the gradient between the two leaves the valley.
Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks", figure 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from lab.optim import Descent, OptimizerConfig
from lab.seeding import Seeds
from lab.trial import Metrics, Picture, State

WANTED, FIRST = 0.7, 0.5  # the last output that is wanted, and the state before the first step
VIEW = (3.0, 8.0), (-3.8, 0.8)  # w and b from and to, as they are drawn


def unit_loss(w: Tensor, b: Tensor, num_steps: int = 50) -> Tensor:
    """The squared error of the unit's last output, for weights and biases of one shape: [...] and [...] -> [...]."""
    state = torch.full_like(w, FIRST)
    for _ in range(num_steps):
        state = w * state.sigmoid() + b
    return (state.sigmoid() - WANTED).square()


@dataclass(frozen=True, kw_only=True)
class CliffConfig:
    """Two descents of one loss from one start: they differ in the clipping alone."""

    optimizer: OptimizerConfig = OptimizerConfig(kind="sgd", learning_rate=0.5, max_norm=0.1)  # of the clipped one
    num_steps: int = 50  # of the unit
    start: tuple[float, float, float, float] = (5.0, 6.0, -2.5, -2.1)  # w from, to, b from, to: uniformly in between

    def __post_init__(self) -> None:
        if self.optimizer.max_norm is None:
            raise ValueError("optimizer.max_norm is None, so nothing would be clipped. Set it, for example to 0.1.")


class Cliff:
    """A trial whose steps are updates of both descents; it keeps their paths, and draws them on the surface."""

    unit = "updates"

    def __init__(self, config: CliffConfig, seeds: Seeds, device: torch.device | str = "cpu"):
        self.config = config
        w_low, w_high, b_low, b_high = config.start
        low, high = torch.tensor([w_low, b_low]), torch.tensor([w_high, b_high])
        start = (low + (high - low) * torch.rand(2, generator=seeds.generator("start"))).double()
        optimizers = {"clipped": config.optimizer, "unclipped": replace(config.optimizer, max_norm=None)}
        self._places = {name: nn.Parameter(start.clone().to(device)) for name in optimizers}
        self._descents = {name: Descent([self._places[name]], optimizers[name]) for name in optimizers}
        self._paths = {name: [start.tolist()] for name in optimizers}

    @property
    def steps(self) -> int:
        """Updates done."""
        return len(self._paths["clipped"]) - 1

    def step(self) -> Metrics:
        """One update of each: its loss, and how far it went."""
        metrics: Metrics = {}
        for name, place in self._places.items():
            before = place.detach().clone()
            loss = self._loss(place)
            self._descents[name].descend(loss, f"{name}_loss")
            metrics[f"{name}_loss"] = loss.detach()
            metrics[f"{name}_step"] = (place.detach() - before).norm()
            self._paths[name].append(place.tolist())
        return metrics

    def evaluate(self) -> Metrics:
        """The loss of each, and the longest step that it has taken."""
        metrics: Metrics = {}
        for name, path in self._paths.items():
            metrics[f"{name}_loss"] = self._loss(self._places[name].detach())
            metrics[f"{name}_longest_step"] = float(np.linalg.norm(np.diff(path, axis=0), axis=1).max(initial=0.0))
        return metrics

    def _loss(self, place: Tensor) -> Tensor:
        return unit_loss(place[0], place[1], self.config.num_steps)

    def illustrate(self) -> Mapping[str, Picture]:
        """The surface from above, with both paths."""
        paths = {name: np.array(path) for name, path in self._paths.items()}
        return {"surface": drawn_surface(paths, self.config.num_steps)}

    def state_dict(self) -> State:
        """Where both are and have been."""
        return {
            "places": {name: place.detach() for name, place in self._places.items()},
            "descents": {name: descent.state_dict() for name, descent in self._descents.items()},
            "paths": {name: torch.tensor(path, dtype=torch.float64) for name, path in self._paths.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        for name, place in self._places.items():
            with torch.no_grad():
                place.copy_(state["places"][name])
            self._descents[name].load_state_dict(state["descents"][name])
            self._paths[name] = state["paths"][name].tolist()


_COLOURS = {"clipped": "#0072b2", "unclipped": "#d55e00"}  # Okabe and Ito, 2008


def drawn_surface(paths: Mapping[str, np.ndarray], num_steps: int, points: int = 240) -> Picture:
    """The loss over w and b around the cliff, and the paths there, each [updates + 1, 2] of w and b."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    w, b = (torch.linspace(low, high, points, dtype=torch.float64) for low, high in VIEW)
    weights, biases = torch.meshgrid(w, b, indexing="xy")
    losses = unit_loss(weights, biases, num_steps)
    figure = Figure(figsize=(7.2, 5.6), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.pcolormesh(w.numpy(), b.numpy(), losses.numpy(), cmap="Greys", shading="nearest", vmax=0.5)
    figure.colorbar(image, ax=axes, label="loss")
    for name, path in paths.items():
        axes.plot(path[:, 0], path[:, 1], ".-", color=_COLOURS[name], linewidth=1, markersize=4, label=name)
        axes.plot(*path[-1], "o", color=_COLOURS[name], markersize=9)
    axes.plot(*next(iter(paths.values()))[0], "k*", markersize=14, label="start")
    axes.set(xlabel="w", ylabel="b", xlim=VIEW[0], ylim=VIEW[1])
    axes.legend(loc="best")
    canvas.draw()
    caption = (
        f"The loss of a recurrent unit after {num_steps} steps, by its weight w and bias b, and the updates from one "
        "start with and without clipping, where they stay in the picture. The edge between light and dark is the "
        "cliff: the gradient on it is so large that an unclipped step along it goes far away."
    )
    return Picture(np.asarray(canvas.buffer_rgba())[..., :3].copy(), caption)
