"""Weights to and from Stable-Baselines3: our DQN as a zip that `stable_baselines3.DQN.load` opens, and the other way.

Source: stable_baselines3.dqn.policies and common.torch_layers.NatureCNN, for the networks and their parameters' names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from agents.dqn import DQN
from agents.dqn_config import NATURE_CONVOLUTIONS, DQNConfig
from agents.sb3_zip import SB3Zip, read_sb3_zip
from agents.spaces import box
from lab.backbones import MLPConfig
from lab.schedules import constant, linear
from lab.seeding import Seeds, preserved_generators
from lab.transfer import shares

_REPLAY_BYTES = 2**33  # of SB3's replay, which it reserves when it opens a zip, as most machines can
_FOREIGN_SWITCHES = ("duelling", "distributional", "noisy", "popart")  # whose networks SB3 does not have
_MLP = "linear layers with a ReLU between any two"
_CNN = "the three convolutions of Mnih et al. 2015 and at least two linear layers, with a ReLU between any two"


def to_sb3(agent: DQN, path: Path | str, observation_space: gym.spaces.Box | None = None) -> Path:
    """Writes a zip that `stable_baselines3.DQN.load(path)` opens and that acts as the agent does. Returns its path.

    `observation_space` is the environment's. SB3 needs it to go on learning there and compares the bounds in it, which
    an agent does not know; to act, and for images of bytes, it needs none.

    It holds network, target network, Adam's moments (RMSProp's stay here), counters, and those settings that SB3 has,
    too. If it is to learn on, these it has not: a learning rate that decays, half the squared error, clipped rewards,
    double, prioritised, bfloat16, exploration that begins to fall later, learning without a replay or a frozen network.
    The replay stays here; SB3's is made for as many transitions, but no more than 8 GiB of them.
    Raises ValueError for a network that SB3's DQN does not have, or an observation_space that is not the agent's.
    """
    convolutional = _check_network(agent)
    space = _space_of(agent) if observation_space is None else observation_space
    _check_space(agent, space)
    path = Path(path) if Path(path).suffix else Path(path).with_suffix(".zip")
    model = _blank_model(agent, space, convolutional)
    frozen = agent.network if agent.target_network is None else agent.target_network
    _copy(agent.network.parameters(), model.q_net.parameters())
    _copy(frozen.parameters(), model.q_net_target.parameters())
    if moments := _moments_of(agent):
        groups = model.policy.optimizer.state_dict()["param_groups"]
        model.policy.optimizer.load_state_dict({"state": dict(enumerate(moments)), "param_groups": groups})
    model.num_timesteps = model._n_calls = agent.steps
    model._n_updates, model.exploration_rate = agent.descent.updates, agent.config.exploration(agent.steps)
    model.save(path)
    return path


def from_sb3(
    path: Path | str,
    seeds: Seeds | None = None,
    *,
    stack: int = 1,
    reward_dtype: np.dtype | type = np.float32,
    replay_capacity: int | None = None,
    device: torch.device | str = "cpu",
) -> DQN:
    """Our agent from a zip that `stable_baselines3.DQN.save` wrote, here or elsewhere: it acts as that does.

    Network, target network, Adam's moments, counters and settings are taken over; of SB3's settings, schedules of the
    learning rate and target networks that follow slowly (tau) have no counterpart. The replay begins empty, though the
    steps count on, so that `learn_after` is SB3's learning_starts later than those: the agent first fills it again. No
    code in the zip is run, so that one from a stranger can be opened here (SB3's own `load` would run it).

    Args:
        path: Of the zip.
        seeds: For what the agent draws if it learns on.
        stack: Frames along axis 0 of its observations, which our replay then keeps once; 1 where it is no stack.
        reward_dtype: As of agents.dqn.DQN.
        replay_capacity: Transitions kept, where not as many as in SB3.
        device: Where it is to be.

    Raises:
        ValueError: for a file that is damaged or no zip of SB3's DQN, or whose network is another than SB3's own for
            vectors or images, with ReLUs.
    """
    path = Path(path)
    saved = read_sb3_zip(path if path.exists() or path.suffix else path.with_suffix(".zip"))
    networks = {name: _tensors_of(saved, name) for name in ("q_net", "q_net_target")}
    shape, dtype = _check_saved(saved, networks["q_net"])
    config = _config_of(saved, networks["q_net"])
    if replay_capacity is not None:
        config = replace(config, replay_capacity=replay_capacity)
    tensors = list(networks["q_net"].values())
    agent = DQN(
        config,
        shape,
        len(tensors[-1]),
        seeds or Seeds(0),
        observation_dtype=dtype,
        reward_dtype=reward_dtype,
        stack=stack,
        device=device,
    )
    assert agent.target_network is not None
    _copy(tensors, agent.network.parameters())
    _copy(networks["q_net_target"].values(), agent.target_network.parameters())
    agent.steps, agent.descent.updates = int(saved.number("num_timesteps", 0)), int(saved.number("_n_updates", 0))
    _take_moments(agent, saved.optimizer)
    return agent


@torch.no_grad()
def _copy(sources: Any, targets: Any) -> None:
    """Copies tensors in their order, which both sides have from the inputs to the outputs, weight before bias."""
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)


# ---- from ours to SB3's ---------------------------------------------------------------------------------------------


def _check_network(agent: DQN) -> bool:
    """Whether the network begins with convolutions. Raises ValueError for one that SB3's DQN does not have."""
    if on := [name for name in _FOREIGN_SWITCHES if getattr(agent.config, name)]:
        raise ValueError(
            f"The agent is {' and '.join(on)}, and SB3's DQN has no network for that which would act alike. Give an "
            "agent that was trained without."
        )
    shape = agent.network.backbone.input_shape
    if _dtype_of(agent) == np.uint8 and len(shape) != 3:
        raise ValueError(
            f"The agent scales its observations {list(shape)} of bytes to [0, 1]. SB3 does so for images [C, H, W] "
            "only, and would act otherwise. Train it on floats."
        )
    passing = nn.Sequential | nn.Identity | nn.Flatten
    layers = [m for m in agent.network.modules() if not list(m.children()) and not isinstance(m, passing)]
    convolutional = isinstance(layers[0], nn.Conv2d)
    if not (_is_nature(layers) if convolutional else _is_plain(layers)):
        raise ValueError(
            f"SB3's DQN has {_CNN if convolutional else _MLP}, but this agent's network is "
            f"{', '.join(map(str, layers))}. Give an agent with that network: "
            f"{'NATURE_CONVOLUTIONS of dqn_config' if convolutional else 'an MLPConfig of relu, without dropout'}."
        )
    return convolutional


def _is_plain(layers: list[nn.Module]) -> bool:
    return [type(layer) for layer in layers] == [nn.Linear, nn.ReLU] * (len(layers) // 2) + [nn.Linear]


def _is_nature(layers: list[nn.Module]) -> bool:
    """Whether it is SB3's NatureCNN, which ends in a linear layer and a ReLU, and a plain network above."""
    sizes = [
        (layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        for layer in layers
        if isinstance(layer, nn.Conv2d)
    ]
    nature = [(32, (8, 8), (4, 4), (0, 0)), (64, (4, 4), (2, 2), (0, 0)), (64, (3, 3), (1, 1), (0, 0))]
    kinds = [type(layer) for layer in layers[:6]]
    return sizes == nature and kinds == [nn.Conv2d, nn.ReLU] * 3 and len(layers) >= 9 and _is_plain(layers[6:])


def _blank_model(agent: DQN, space: gym.spaces.Box, convolutional: bool) -> Any:
    """SB3's DQN of the agent's sizes and settings, its weights drawn by chance."""
    from stable_baselines3 import DQN as SB3DQN

    config = agent.config
    widths = [layer.out_features for layer in agent.network.modules() if isinstance(layer, nn.Linear)][:-1]
    policy: dict[str, Any] = {"net_arch": widths}
    if convolutional:
        policy = {"net_arch": widths[1:], "features_extractor_kwargs": {"features_dim": widths[0]}}
        if space.dtype != np.uint8:
            policy["normalize_images"] = False
    rule = config.optimizer_config()
    if rule.kind == "rmsprop":
        policy["optimizer_class"] = torch.optim.RMSprop
        policy["optimizer_kwargs"] = {"alpha": rule.smoothing, "eps": rule.epsilon, "centered": rule.centered}
    elif rule.epsilon != 1e-8:
        policy["optimizer_kwargs"] = {"eps": rule.epsilon}
    # SB3's exploration falls over a share of a horizon, which it is told anew if it learns on.
    duration = max(config.exploration.turns) if config.exploration.varies else 0
    horizon = max(agent.steps, duration, 1)
    transition = 2 * int(np.prod(space.shape)) * np.dtype(space.dtype).itemsize  # bytes
    with preserved_generators():
        model = SB3DQN(
            "CnnPolicy" if convolutional else "MlpPolicy",
            None,
            policy_kwargs=policy,
            learning_rate=config.learning_rate,
            buffer_size=min(config.replay_capacity, _REPLAY_BYTES // transition),
            learning_starts=config.learn_after,
            batch_size=config.batch_size,
            gamma=config.discount,
            train_freq=config.train_every,
            gradient_steps=config.updates,
            n_steps=config.n_step,
            target_update_interval=config.copy_target_every,
            exploration_fraction=duration / horizon if duration else 1.0,
            exploration_initial_eps=config.exploration(0),
            exploration_final_eps=config.exploration(duration),
            max_grad_norm=float("inf") if config.max_gradient_norm is None else config.max_gradient_norm,
            device="cpu",
            _init_setup_model=False,
        )
        # What it would take from an environment.
        model.observation_space, model.action_space, model.n_envs = space, gym.spaces.Discrete(agent.num_actions), 1
        model._total_timesteps = horizon
        model._setup_model()
    # Chosen by n_steps; named in the zip, SB3 would take it for one of the user's own and warn.
    model.replay_buffer_class, model.replay_buffer_kwargs = None, {}
    return model


def _dtype_of(agent: DQN) -> np.dtype:
    """Of its observations."""
    return torch.empty(0, dtype=agent.replay.frames.dtype).numpy().dtype


def _space_of(agent: DQN) -> gym.spaces.Box:
    return box(agent.network.backbone.input_shape, _dtype_of(agent))


def _check_space(agent: DQN, space: gym.spaces.Box) -> None:
    known = _space_of(agent)
    if (space.shape, space.dtype) != (known.shape, known.dtype):
        raise ValueError(
            f"The observation space {space} is not that of the agent, whose observations are {known.dtype} "
            f"{list(known.shape)}. Give the space of the environment that it learnt in, or none."
        )


def _moments_of(agent: DQN) -> list[dict[str, Tensor]]:
    """Adam's moments, a dict for each parameter of the network; none before the first update or of another rule.

    And none of a backbone that another run taught: its layers learn at a rate of their own, and SB3 has one for all.
    """
    state = agent.descent.state_dict()["moments"]
    if agent.config.optimizer != "adam" or not state or shares(agent.network):
        return []
    if agent.plain is None:
        return [{name: moment.cpu().clone() for name, moment in state[number].items()} for number in state]
    # One vector of all parameters.
    parameters = list(agent.network.parameters())
    sizes = [parameter.numel() for parameter in parameters]
    split = {name: state["0"][name].cpu().split(sizes) for name in ("exp_avg", "exp_avg_sq")}
    return [
        {"step": state["0"]["step"].cpu().clone()}
        | {name: pieces[i].view_as(parameter).clone() for name, pieces in split.items()}
        for i, parameter in enumerate(parameters)
    ]


# ---- from SB3's to ours ---------------------------------------------------------------------------------------------


def _tensors_of(saved: SB3Zip, network: str) -> dict[str, Tensor]:
    """The tensors of one of the two networks by their names in it. Raises ValueError if SB3 made no such network."""
    head = f"{network}."
    tensors = {name.removeprefix(head): tensor for name, tensor in saved.policy.items() if name.startswith(head)}
    convolutional = any(name.startswith("features_extractor.") for name in tensors)
    features = [f"features_extractor.{layer}" for layer in ("cnn.0", "cnn.2", "cnn.4", "linear.0")]
    num_linear = sum(name.startswith("q_net.") for name in tensors) // 2
    layers = (features if convolutional else []) + [f"q_net.{2 * i}" for i in range(num_linear)]
    expected = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    if not num_linear or list(tensors) != expected:
        raise ValueError(
            f"{saved.path}: the parameters of {network} are {', '.join(tensors) or 'absent'}, which are not those of "
            f"{_CNN} or of {_MLP}. Only these can be taken over."
        )
    return tensors


def _check_saved(saved: SB3Zip, tensors: Mapping[str, Tensor]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an observation. Raises ValueError if the network is not of the kind that its tensors look like.

    The settings of the network, unlike its tensors, tell what lies between the layers.
    """
    shape, dtype = saved.observation_format()
    policy = saved.settings.get("policy_kwargs") or {}
    known = {
        "activation_fn": "ReLU",
        "features_extractor_class": "FlattenExtractor NatureCNN",
        "optimizer_class": "Adam",
    }
    for name, allowed in known.items():
        kind = str(policy.get(name, allowed)).removesuffix("'>").rpartition(".")[2]
        if kind not in (allowed, *allowed.split()):
            raise ValueError(
                f"{saved.path}: {name} is {kind}, but only {' and '.join(allowed.split())} can be taken over. Train it "
                "with that, or load it in SB3."
            )
    images = dtype == np.uint8 and len(shape) == 3
    scaled = images and str(policy.get("normalize_images", True)) == "True"
    if scaled != (dtype == np.uint8):
        raise ValueError(
            f"{saved.path}: its observations {list(shape)} are bytes that SB3 does not scale to [0, 1], but ours "
            "does. Train it on floats, or on images [C, H, W] with normalize_images."
        )
    if dtype == np.float64:  # SB3 computes in single precision, and our environments carry doubles so
        dtype = np.dtype(np.float32)
    first = next(iter(tensors.values()))
    fits = first.shape[1] == (shape[0] if first.ndim == 4 else int(np.prod(shape)))
    if not fits:
        raise ValueError(
            f"{saved.path}: its first layer is {list(first.shape)}, which does not fit observations {list(shape)}. "
            "Images must lie as [C, H, W]."
        )
    return shape, dtype


def _config_of(saved: SB3Zip, tensors: Mapping[str, Tensor]) -> DQNConfig:
    weights = [tensor for name, tensor in tensors.items() if name.endswith("weight")]
    hidden = MLPConfig(widths=tuple(len(weight) for weight in weights[:-1] if weight.ndim == 2))
    convolutional = weights[0].ndim == 4
    group = saved.optimizer.get("param_groups", [{}])[0]
    num, train_freq = int(saved.number("n_envs", 1)), saved.train_freq() or 4
    updates = int(saved.number("gradient_steps", 1))
    first, last = saved.number("exploration_initial_eps", 1.0), saved.number("exploration_final_eps", 0.05)
    duration = int(saved.number("exploration_fraction", 0.1) * saved.number("_total_timesteps", 0))
    longest = saved.number("max_grad_norm", 10.0)
    steps, starts = int(saved.number("num_timesteps", 0)), int(saved.number("learning_starts", 100))
    return DQNConfig(
        backbone=replace(NATURE_CONVOLUTIONS, dense=hidden) if convolutional else hidden,
        discount=float(saved.number("gamma", 0.99)),
        learning_rate=float(saved.number("learning_rate", group.get("lr", 1e-4))),
        learning_rate_decay=constant(1.0),
        optimizer_epsilon=float(group.get("eps", 1e-8)),
        max_gradient_norm=float(longest) if longest < float("inf") else None,
        exploration=linear(first, last, duration) if duration else constant(last),
        learn_after=steps + starts,  # the replay is empty at first
        train_every=train_freq * num,
        updates=updates if updates > 0 else train_freq * num,
        batch_size=int(saved.number("batch_size", 32)),
        replay_capacity=int(saved.number("buffer_size", 1_000_000)),
        copy_target_every=int(saved.number("target_update_interval", 10_000)),
        n_step=int(saved.number("n_steps", 1)),
    )


def _take_moments(agent: DQN, optimizer: Mapping[str, Any]) -> None:
    """Takes up Adam's moments, if the zip has them for every parameter."""
    parameters = list(agent.network.parameters())
    state = optimizer.get("state", {})
    names = ("step", "exp_avg", "exp_avg_sq")
    moments = [state.get(number, {}) for number in range(len(parameters))]
    if any(not set(names) <= set(moment) for moment in moments):
        return
    if agent.plain is not None:  # one vector of all parameters
        joined = {name: torch.cat([moment[name].flatten() for moment in moments]) for name in names[1:]}
        moments = [{"step": moments[0]["step"]} | joined]
    taken = {str(number): {name: moment[name] for name in names} for number, moment in enumerate(moments)}
    agent.descent.load_state_dict({"updates": agent.descent.updates, "moments": taken, "average": None})
