"""word2vec's gradients by hand, against autograd over loops that spell the losses out."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generative.huffman import huffman
from generative.tree_gradients import bag_of_words_by_tree, skip_gram_by_tree
from generative.word_gradients import BAND, Contexts, Rows, Step, added_products, bag_of_words, skip_gram, windows

WINDOW, SIZE, VOCABULARY, WORDS = 3, 4, 9, 2 * BAND
NEGATIVES = 5


def draws(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def block() -> tuple[Tensor, Tensor, Tensor]:
    """Words of a block with margins, and how many contexts each has before and after it."""
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(VOCABULARY, (WORDS + 2 * WINDOW,), generator=generator)
    return words, *torch.randint(WINDOW + 1, (2, WORDS), generator=generator)


def pairs(before: Tensor, after: Tensor) -> list[tuple[int, int]]:
    """Places in the stream of each word of the block and each of its contexts, one by one."""
    found = []
    for i in range(WORDS):
        place = i + WINDOW
        found += [
            (place, other) for other in range(place - int(before[i]), place + int(after[i]) + 1) if other != place
        ]
    return found


def summed(rows: list[Rows], like: Tensor) -> Tensor:
    """The whole gradient of a table."""
    total = torch.zeros_like(like)
    for part in rows:
        factor = torch.ones(len(part.index)) if part.factor is None else part.factor
        for index, gradient in zip(part.index.tolist(), part.gradient * factor[:, None], strict=True):
            total[index] += gradient
    return total


def check(step: Step, loss: Tensor, told: int, inputs: Tensor, outputs: Tensor) -> None:
    """The gradients are those of the loss, which is told in nats a word."""
    by_inputs, by_outputs = torch.autograd.grad(loss, (inputs, outputs))
    torch.testing.assert_close(summed(step.inputs, by_inputs), by_inputs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(summed(step.outputs, by_outputs), by_outputs, rtol=1e-5, atol=1e-5)
    assert step.loss is not None
    assert float(step.loss) == pytest.approx(loss.item() / told, rel=1e-5)


def tables(rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both tables in float64 with gradient, and in float32."""
    inputs, outputs = draws(VOCABULARY, SIZE, seed=1).requires_grad_(), draws(rows, SIZE, seed=2).requires_grad_()
    return inputs, outputs, inputs.detach().float(), outputs.detach().float()


def test_contexts_are_the_words_that_are_counted(block: tuple[Tensor, Tensor, Tensor]) -> None:
    _, before, after = block
    contexts = Contexts(WINDOW)(before, after)
    found = [(int(band * BAND + i + WINDOW), int(band * BAND + j)) for band, i, j in contexts.nonzero().tolist()]
    assert found == pairs(before, after)
    assert set(contexts.unique().tolist()) == {0.0, 1.0}


def test_skip_gram_by_noise(block: tuple[Tensor, Tensor, Tensor]) -> None:
    words, before, after = block
    inputs, outputs, *plain = tables(VOCABULARY)
    noise = torch.randint(VOCABULARY, (4, 6), generator=torch.Generator().manual_seed(3))
    loss = torch.zeros((), dtype=torch.float64)
    found = pairs(before, after)
    for place, other in found:
        told = inputs[words[place]]
        loss = loss - F.logsigmoid(told @ outputs[words[other]])
        for k in noise[(place - WINDOW) // (WORDS // 4)]:
            loss = loss - NEGATIVES / 6 * F.logsigmoid(-told @ outputs[k])
    contexts = Contexts(WINDOW)(before, after)
    check(skip_gram(*plain, words, contexts, noise, NEGATIVES, True), loss, len(found), inputs, outputs)


def means(inputs: Tensor, words: Tensor, found: list[tuple[int, int]]) -> list[tuple[int, Tensor]]:
    """Of each word that has a context: its place, and the mean of its contexts' vectors, of whose gradient each of them
    takes the whole.
    """
    bags = []
    for place in sorted({place for place, _ in found}):
        vectors = torch.stack([inputs[words[other]] for at, other in found if at == place])
        whole = vectors.sum(0)
        bags.append((place, vectors.mean(0).detach() + whole - whole.detach()))
    return bags


def test_bag_of_words_by_noise(block: tuple[Tensor, Tensor, Tensor]) -> None:
    words, before, after = block
    inputs, outputs, *plain = tables(VOCABULARY)
    noise = torch.randint(VOCABULARY, (4, 6), generator=torch.Generator().manual_seed(3))
    bags = means(inputs, words, pairs(before, after))
    loss = torch.zeros((), dtype=torch.float64)
    for place, mean in bags:
        loss = loss - F.logsigmoid(mean @ outputs[words[place]])
        for k in noise[(place - WINDOW) // (WORDS // 4)]:
            loss = loss - NEGATIVES / 6 * F.logsigmoid(-mean @ outputs[k])
    contexts = Contexts(WINDOW)(before, after)
    check(bag_of_words(*plain, words, contexts, noise, NEGATIVES, True), loss, len(bags), inputs, outputs)


COUNTS = torch.tensor([30, 20, 11, 7, 5, 3, 2, 1, 1])


def of_path(vector: Tensor, nodes: Tensor, word: Tensor) -> Tensor:
    """-log of the probability of a word, turn by turn."""
    paths = huffman(COUNTS)
    loss = torch.zeros((), dtype=torch.float64)
    for node, sign in zip(paths.nodes[word], paths.signs[word]):
        if sign:
            loss = loss - F.logsigmoid(sign * (vector @ nodes[node]))
    return loss


def test_skip_gram_by_tree(block: tuple[Tensor, Tensor, Tensor]) -> None:
    words, before, after = block
    inputs, nodes, *plain = tables(VOCABULARY - 1)
    found = pairs(before, after)
    loss = torch.stack([of_path(inputs[words[other]], nodes, words[place]) for place, other in found]).sum()
    contexts = Contexts(WINDOW)(before, after)
    check(skip_gram_by_tree(*plain, words, contexts, huffman(COUNTS), True), loss, len(found), inputs, nodes)


def test_bag_of_words_by_tree(block: tuple[Tensor, Tensor, Tensor]) -> None:
    words, before, after = block
    inputs, nodes, *plain = tables(VOCABULARY - 1)
    bags = means(inputs, words, pairs(before, after))
    loss = torch.stack([of_path(mean, nodes, words[place]) for place, mean in bags]).sum()
    contexts = Contexts(WINDOW)(before, after)
    check(bag_of_words_by_tree(*plain, words, contexts, huffman(COUNTS), True), loss, len(bags), inputs, nodes)


def test_the_probabilities_of_a_tree_sum_to_one() -> None:
    vector, nodes = draws(SIZE, seed=5), draws(VOCABULARY - 1, SIZE, seed=6)
    probabilities = [torch.exp(-of_path(vector, nodes, torch.tensor(word))) for word in range(VOCABULARY)]
    assert float(sum(probabilities)) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["skip_gram", "bag_of_words", "skip_gram_by_tree", "bag_of_words_by_tree"])
def test_curvatures_bound_the_second_derivative_along_every_row(
    block: tuple[Tensor, Tensor, Tensor], kind: str
) -> None:
    words, before, after = block
    contexts = Contexts(WINDOW)(before, after)
    by_tree = kind.endswith("tree")
    inputs, outputs = draws(VOCABULARY, SIZE, seed=1).float(), draws(VOCABULARY - by_tree, SIZE, seed=2).float()
    noise = torch.randint(VOCABULARY, (4, 6), generator=torch.Generator().manual_seed(3))

    def step(inputs: Tensor, outputs: Tensor) -> Step:
        if by_tree:
            function = skip_gram_by_tree if kind == "skip_gram_by_tree" else bag_of_words_by_tree
            return function(inputs, outputs, words, contexts, huffman(COUNTS), False)
        function = skip_gram if kind == "skip_gram" else bag_of_words
        return function(inputs, outputs, words, contexts, noise, NEGATIVES, False)

    for table, part in ((0, "inputs"), (1, "outputs")):
        bends = []
        for row in range(len((inputs, outputs)[table])):
            direction, far = F.normalize(draws(SIZE, seed=7 + row).float(), dim=0), 1e-2
            slopes = []
            for side in (-far, far):
                moved = [inputs.clone(), outputs.clone()]
                moved[table][row] += side * direction
                slopes.append(summed(getattr(step(*moved), part), moved[table])[row] @ direction)
            bends.append(float(slopes[1] - slopes[0]) / (2 * far))
            bound = sum(float(r.curvature[r.index == row].sum()) for r in getattr(step(inputs, outputs), part))
            assert -1e-4 < bends[-1] <= bound + 1e-4, f"{part} {row}"
        assert max(bends) > 0.1, "most rows bend"


def test_windows_are_undone_by_added_products() -> None:
    stream = torch.arange(20.0).view(10, 2)
    parts = windows(stream, 6, 4)
    assert parts[1].tolist() == stream[4:10].tolist()
    # Of each window's product the first four rows are three times its row of `right`, and the last two are it.
    left = torch.cat([3 * torch.eye(4), torch.eye(4)[:2]]).expand(2, 6, 4)
    right = stream[:8].view(2, 4, 2)
    met = added_products(left, right, 10)[:, 0].tolist()
    assert met == [0, 6, 12, 18, 3 * 8 + 0, 3 * 10 + 2, 36, 42, 8, 10]


@pytest.mark.parametrize("score", [-40.0, -17.0, 17.0, 40.0])
def test_the_loss_is_right_where_the_probability_rounds_to_0_or_1(score: float) -> None:
    """One word beside one context and one word of the noise, whose scores are all the same: by float64, on paper."""
    words = torch.zeros(BAND + 2, dtype=torch.int64)
    before, after = torch.zeros(2, BAND, dtype=torch.int64)
    after[0] = 1
    noise = torch.zeros(1, 1, dtype=torch.int64)
    tables = torch.tensor([[score]]), torch.ones(1, 1)
    expected = math.log1p(math.exp(-score)) + 5 * math.log1p(math.exp(score))
    contexts = Contexts(1)(before, after)
    for step in (skip_gram, bag_of_words):
        loss = step(*tables, words, contexts, noise, 5, True).loss
        assert loss is not None
        assert float(loss) == pytest.approx(expected, rel=1e-6)
