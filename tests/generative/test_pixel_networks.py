"""PixelCNN and the row LSTM: what each value is told from, by derivatives, and the LSTM against torch's own cell."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from generative.masked import MaskedConvolution
from generative.pixel_networks import PixelCNNConfig, PixelNetworkConfig, RowLSTM, RowLSTMConfig

NETWORKS = [
    PixelCNNConfig(channels=6, blocks=3, kernel_size=3, first_kernel_size=3),
    RowLSTMConfig(channels=6, layers=2, first_kernel_size=3),
]
each_network = pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.name)


def reached(module: nn.Module, shape: tuple[int, int, int]) -> Tensor:
    """Which input values [C, H, W] each output value depends on, of a few inputs: bool [C', H, W, C, H, W].

    Of outputs [levels, C', H, W] any level counts.
    """
    module = module.double()
    found: Tensor | bool = False
    for seed in range(3):  # one input alone may leave a ReLU shut that others open
        inputs = torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(module, inputs)
        assert isinstance(jacobian, Tensor)
        moved = jacobian[0, ..., 0, :, :, :] != 0
        found = found | (moved.any(0) if moved.ndim == 7 else moved)
    assert isinstance(found, Tensor)
    return found


def built(config: PixelNetworkConfig, colours: int, levels: int = 2) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return config.build(colours, levels)


def in_order(seen: Tensor) -> Tensor:
    """The same by numbers of values as the product counts them: [C, H, W, C, H, W] -> [H W C, H W C]."""
    return seen.permute(1, 2, 0, 4, 5, 3).flatten(3, 5).flatten(0, 2)


@each_network
@pytest.mark.parametrize("colours", [1, 3])
def test_no_value_sees_itself_or_the_future_and_each_sees_what_is_just_before_it(
    config: PixelNetworkConfig, colours: int
) -> None:
    seen = in_order(reached(built(config, colours), (colours, 5, 5)))
    assert not seen.triu().any()
    here = 12 * colours  # the red value of the middle pixel
    for later in range(colours):
        assert seen[here + later, here - colours : here + later].all(), "all of the last pixel, and colours before"


@each_network
def test_green_sees_red_of_its_own_pixel_and_blue_sees_both(config: PixelNetworkConfig) -> None:
    seen = reached(built(config, 3), (3, 1, 1))[:, 0, 0, :, 0, 0]
    assert seen.tolist() == [[False, False, False], [True, False, False], [True, True, False]]


def test_a_pixelcnn_sees_what_its_kernels_reach() -> None:
    """The first sees 1 up and 1 to each side, each of the two blocks as much again; beside it, a blind spot stays."""
    config = PixelCNNConfig(channels=6, blocks=2, kernel_size=3, first_kernel_size=3)
    seen = reached(built(config, 1), (1, 5, 9))[0, 4, 4, 0]
    assert [row.nonzero().flatten().tolist() for row in seen] == [
        [],
        [1, 2, 3, 4, 5, 6, 7],
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3, 4, 5],
        [1, 2, 3],
    ]


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_row_lstm_sees_exactly_its_triangle(kernel_size: int) -> None:
    height, width, reach = 4, 9, kernel_size // 2
    seen = reached(RowLSTM(2, 3, kernel_size), (2, height, width)).any(3).any(0)  # [H, W, H, W]
    for row in range(height):
        for column in range(width):
            due = torch.zeros(height, width, dtype=torch.bool)
            for above in range(row + 1):
                first = max(column - (above + 1) * reach, 0)
                due[row - above, first : column + above * reach + 1] = True
            assert torch.equal(seen[row, column], due), (row, column)


def test_a_network_of_row_lstms_sees_what_its_layers_reach_one_after_another() -> None:
    """By sets: what a layer sees of the one below, and so on down to the pixels."""
    height, width = 4, 7
    pixels = [(row, column) for row in range(height) for column in range(width)]
    first = {
        (row, column): {
            (i, j)
            for i, j in pixels
            if (0 < row - i <= 1 and abs(column - j) <= 1) or (i == row and 0 < column - j <= 1)
        }
        for row, column in pixels
    }
    layer = {
        (row, column): {(i, j) for i, j in pixels if i <= row and i - row - 1 <= j - column <= row - i}
        for row, column in pixels
    }
    reaches = first
    for _ in range(2):
        reaches = {pixel: set().union(*(reaches[below] for below in layer[pixel])) for pixel in pixels}
    seen = reached(built(RowLSTMConfig(channels=6, layers=2, first_kernel_size=3), 1), (1, height, width))[0, :, :, 0]
    for pixel in pixels:
        assert {tuple(where) for where in seen[pixel].nonzero().tolist()} == reaches[pixel], pixel


def test_of_its_own_pixel_a_row_lstm_sees_the_colours_up_to_each() -> None:
    seen = reached(RowLSTM(6, 3, 3, colours=3), (6, 1, 1))[:, 0, 0, :, 0, 0]
    assert seen.tolist() == [[True, False, False] * 2, [True, True, False] * 2, [True, True, True] * 2]
    from_above = reached(RowLSTM(3, 3, 3, colours=3), (3, 2, 1))[:, 1, 0, :, 0, 0]
    assert from_above.all(), "of the row above, each sees all colours"


def test_with_a_kernel_of_one_pixel_each_column_is_an_lstm_of_its_own() -> None:
    ours, theirs = RowLSTM(3, 5, 1).double(), nn.LSTMCell(3, 5).double()
    bias = ours.input_to_state.bias
    assert bias is not None
    with torch.no_grad():
        theirs.weight_ih.copy_(ours.input_to_state.weight[:, :, 0, 0])
        theirs.weight_hh.copy_(ours.state_to_state.weight[:, :, 0])
        theirs.bias_ih.copy_(bias)
        theirs.bias_hh.zero_()
    maps = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    for picture in range(2):
        for column in range(4):
            memory = None
            for row in range(6):
                memory = theirs(maps[picture, :, row, column][None], memory)
                assert torch.allclose(ours(maps)[picture, :, row, column], memory[0][0], atol=1e-12)


def test_a_state_is_made_of_three_inputs_and_three_states_by_hand() -> None:
    """All weights 0 but of the content: 1 for the input on the left, 2 for the state above on the right; gates half
    open.
    """
    lstm = RowLSTM(1, 1, 3)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        lstm.input_to_state.weight[2, 0, 0] = torch.tensor([1.0, 0.0, 0.0])
        lstm.state_to_state.weight[2, 0] = torch.tensor([0.0, 0.0, 2.0])
    states = lstm(torch.tensor([[[[0.3, 0.7], [0.5, 0.9]]]]))[0, 0]
    cell = torch.tensor([0.0, 0.3]).tanh() / 2
    state = cell.tanh() / 2
    below = cell / 2 + torch.stack([2 * state[1], torch.tensor(0.5)]).tanh() / 2
    assert torch.allclose(states, torch.stack([state, below.tanh() / 2]))


@each_network
def test_what_lies_below_can_be_cut_off(config: PixelNetworkConfig) -> None:
    network, pictures = built(config, 3, levels=4).double(), torch.rand(2, 3, 5, 4, dtype=torch.float64)
    assert torch.allclose(network(pictures)[:, :, :, :3], network(pictures[:, :, :3]), atol=1e-12)


@each_network
def test_each_colour_has_its_logits(config: PixelNetworkConfig) -> None:
    assert built(config, 3, levels=256)(torch.rand(2, 3, 4, 5)).shape == (2, 256, 3, 4, 5)


@each_network
def test_of_one_colour_only_the_kernels_are_masked(config: PixelNetworkConfig) -> None:
    for module in built(config, 1).modules():
        if isinstance(module, MaskedConvolution) and module.kernel_size == (1, 1):
            assert (module.mask == 1).all()


@each_network
def test_refused(config: PixelNetworkConfig) -> None:
    depth = "blocks" if isinstance(config, PixelCNNConfig) else "layers"
    for name in ("channels", depth):
        with pytest.raises(ValueError, match=f"{name} is 0, but it is 1 or more"):
            replace(config, **{name: 0})
    with pytest.raises(ValueError, match=r"channels is 16, but the pictures have 3 colours.* Give a multiple of 3"):
        replace(config, channels=16).build(3, 2)
    for name, least in {"kernel_size": 1, "first_kernel_size": 3}.items():
        for size in (least - 2, least + 1):
            with pytest.raises(ValueError, match=f"^{name} is {size}, but it has a middle and is {least} or more"):
                replace(config, **{name: size})
