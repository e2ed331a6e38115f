"""Features of a network of one's own: what it is given, what it is called, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from generative.scripted import ScriptedFeatures
from lab.weights import WeightsError, digest_of


class Looks(nn.Module):
    """The size of what it is given, and the mean of each channel."""

    def forward(self, pictures: Tensor) -> Tensor:
        size = torch.tensor([pictures.shape[1], pictures.shape[2], pictures.shape[3], int(self.training)])
        return torch.cat([size.expand(len(pictures), 4).to(pictures.dtype), pictures.mean((2, 3))], 1)


class Classifies(nn.Module):
    """Classes, unless its features are asked for, as NVIDIA's Inception."""

    def forward(self, pictures: Tensor, return_features: bool = False) -> Tensor:
        return pictures.mean((2, 3)) if return_features else pictures.mean((1, 2, 3))


class Two(nn.Module):
    """Features, and something beside."""

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        return pictures.mean((2, 3)), pictures


class Maps(nn.Module):
    """No features but maps."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures[:, :, :2, :2]


def saved(network: nn.Module, folder: Path) -> Path:
    path = folder / "network.pt"
    torch.jit.save(torch.jit.script(network), str(path))
    return path


def test_grey_pictures_become_large_and_coloured(tmp_path: Path) -> None:
    grey = torch.tensor([0.25, 1.0]).view(2, 1, 1, 1).expand(-1, -1, 28, 28)
    found = ScriptedFeatures(saved(Looks(), tmp_path))(grey)
    assert found[:, :4].tolist() == [[3, 299, 299, 0]] * 2, "in eval mode"
    assert torch.allclose(found[:, 4:], torch.tensor([[63.75] * 3, [255.0] * 3]))


def test_colours_stay_and_the_range_can_be_another(tmp_path: Path) -> None:
    coloured = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1).expand(-1, -1, 8, 8)
    found = ScriptedFeatures(saved(Looks(), tmp_path), brightest=1.0)(coloured)
    assert torch.allclose(found[0, 4:], torch.tensor([0.0, 0.5, 1.0]))


def test_features_are_asked_for_where_classes_come_first(tmp_path: Path) -> None:
    assert ScriptedFeatures(saved(Classifies(), tmp_path))(torch.rand(60, 1, 4, 4)).shape == (60, 3)


def test_the_name_pins_the_file(tmp_path: Path) -> None:
    path = saved(Looks(), tmp_path)
    name = ScriptedFeatures(path).name
    assert name == f"network.pt (SHA-256 {digest_of(path)[:12]}, 299 x 299 pixels in 0 to 255, eval mode)"


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not there"):
        ScriptedFeatures(tmp_path / "none.pt")
    path = saved(Looks(), tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match=r"network\.pt cannot be read as TorchScript"):
        ScriptedFeatures(path)
    state = tmp_path / "state.pt"
    torch.save(nn.Linear(2, 2).state_dict(), state)
    with pytest.raises(WeightsError, match=r"state\.pt cannot be read as TorchScript"):
        ScriptedFeatures(state)
    with pytest.raises(ValueError, match=r"makes \[2, 3, 2, 2\] of 2 pictures"):
        ScriptedFeatures(saved(Maps(), tmp_path))(torch.rand(2, 1, 4, 4))
    with pytest.raises(ValueError, match="makes a tuple of 2 pictures"):
        ScriptedFeatures(saved(Two(), tmp_path))(torch.rand(2, 1, 4, 4))
