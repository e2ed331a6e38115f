"""word2vec as a learner: what it learns, how exactly it goes on, whatever the threads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from generative.huffman import huffman
from generative.word2vec import Word2Vec, Word2VecConfig
from generative.word_blocks import BlocksConfig, WordBlocks
from lab.data.word_stream import Lexicon, NumberedText
from lab.schedules import Schedule
from lab.seeding import Seeds
from lab.trial import Manner

KINDS = [("skip_gram", 5), ("cbow", 5), ("skip_gram", 0), ("cbow", 0)]
LARGE = [("skip_gram", 2_048), ("cbow", 4_096)]  # blocks beyond 32,768 numbers, which torch parts among its threads
UPDATES = 300


def two_topics() -> list[list[str]]:
    """Sentences of five words each, all of one topic or all of the other."""
    generator = torch.Generator().manual_seed(0)
    topics = [[f"sea{i}" for i in range(8)], [f"sky{i}" for i in range(8)]]
    drawn = torch.randint(8, (400, 5), generator=generator).tolist()
    return [[topics[n % 2][i] for i in row] for n, row in enumerate(drawn)]


def trained(architecture: str, negatives: int, updates: int = UPDATES, seed: int = 0) -> tuple[Word2Vec, WordBlocks]:
    sentences = two_topics()
    lexicon = Lexicon.of(sentences, least=1)
    blocks = WordBlocks(
        BlocksConfig(window=3, sample=0.0, block=64), NumberedText.of(sentences, lexicon), lexicon, Seeds(seed)
    )
    config = Word2VecConfig(
        architecture=architecture, negatives=negatives, size=12, learning_rate=0.05,
        decay=Schedule(kind="linear", steps=UPDATES), sharing=16, shared=16,
    )  # type: ignore[arg-type]  # fmt: skip
    learner = Word2Vec(config, lexicon, 3, Seeds(seed))
    for _ in range(updates):
        learner.update(blocks.next())
    return learner, blocks


@pytest.mark.parametrize(("architecture", "negatives"), KINDS)
def test_words_of_a_topic_come_to_lie_together(architecture: str, negatives: int) -> None:
    learner, _ = trained(architecture, negatives)
    vectors = torch.nn.functional.normalize(learner.inputs.vectors, dim=1)
    topic = torch.tensor([word.startswith("sea") for word in learner.lexicon.words])
    alike = vectors @ vectors.T
    same = topic[:, None] == topic
    same.fill_diagonal_(False)
    apart = topic[:, None] != topic
    assert float(alike[same].min()) > float(alike[apart].max())


@pytest.mark.parametrize(("architecture", "block", "negatives"), [(*kind, n) for kind in LARGE for n in (5, 0)])
def test_large_blocks_give_the_same_bits_whatever_the_threads(architecture: str, block: int, negatives: int) -> None:
    counts = torch.arange(1_000, 500, -1)
    lexicon = Lexicon(tuple(f"w{i}" for i in range(500)), counts, int(counts.sum()))
    config = Word2VecConfig(architecture=architecture, negatives=negatives, loss_every=1)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(500, (2, block + 10), generator=generator)
    reach = torch.randint(1, 6, (2, 2, block), generator=generator)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            learner = Word2Vec(config, lexicon, 5, Seeds(0))
            losses = [float(learner.update((each, *sides))["loss"]) for each, sides in zip(words, reach)]
            found.append((learner.inputs.vectors, learner.outputs.vectors, losses))
    finally:
        torch.set_num_threads(before)
    for inputs, outputs, losses in found[1:]:
        assert torch.equal(inputs, found[0][0])
        assert torch.equal(outputs, found[0][1])
        assert losses == found[0][2]


@pytest.mark.parametrize(("architecture", "negatives"), KINDS)
def test_it_goes_on_exactly(architecture: str, negatives: int) -> None:
    whole, blocks = trained(architecture, negatives, 40)
    state, place = (
        {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in whole.state_dict().items()},
        (blocks.state_dict()),
    )
    resumed, others = trained(architecture, negatives, 0)
    resumed.load_state_dict(state)
    others.load_state_dict(place)
    for _ in range(15):
        assert resumed.update(others.next()) == whole.update(blocks.next())
    assert torch.equal(resumed.inputs.vectors, whole.inputs.vectors)
    assert torch.equal(resumed.outputs.vectors, whole.outputs.vectors)


@pytest.mark.parametrize(("architecture", "negatives"), KINDS)
def test_of_the_words_before_each_tells_the_next(architecture: str, negatives: int) -> None:
    around = [f"w{i}" for i in range(8)]
    sentences = [around * 100]
    lexicon = Lexicon.of(sentences, least=1)
    blocks = WordBlocks(
        BlocksConfig(window=1, sample=0.0, block=64), NumberedText.of(sentences, lexicon), lexicon, Seeds(0)
    )
    config = Word2VecConfig(
        architecture=architecture, negatives=negatives, size=12, learning_rate=0.05, context="before",
        decay=Schedule(kind="linear", steps=600), sharing=16, shared=16,
    )  # type: ignore[arg-type]  # fmt: skip
    learner = Word2Vec(config, lexicon, 1, Seeds(0))
    for _ in range(600):
        learner.update(blocks.next())
    scores = learner.inputs.vectors @ learner.outputs.vectors.T
    if negatives == 0:
        paths = huffman(lexicon.counts)
        turns = torch.nn.functional.logsigmoid(scores[:, paths.nodes] * paths.signs)  # [V, V, L]
        scores = (turns * paths.signs.abs()).sum(2)
    told = {lexicon.words[i]: lexicon.words[int(row.argmax())] for i, row in enumerate(scores)}
    assert told == {f"w{i}": f"w{(i + 1) % 8}" for i in range(8)}


def test_a_block_of_another_window_is_refused() -> None:
    learner, _ = trained("skip_gram", 5, 0)
    with pytest.raises(ValueError, match="Give the learner the window of its blocks"):
        learner.update((torch.zeros(64 + 2 * 5, dtype=torch.int64), *torch.ones(2, 64, dtype=torch.int64)))


def test_vectors_are_a_copy() -> None:
    learner, blocks = trained("skip_gram", 5, 10)
    kept = learner.vectors
    before = kept.vectors.clone()
    learner.update(blocks.next())
    assert torch.equal(kept.vectors, before)
    assert not torch.equal(learner.vectors.vectors, before)


def test_the_first_loss_is_that_of_guessing() -> None:
    # Where outputs are 0 every turn is even: log 2 for the context and for each of its 5 words of the noise.
    learner, blocks = trained("skip_gram", 5, 0)
    assert float(learner.update(blocks.next())["loss"]) == pytest.approx(6 * 0.693147, rel=1e-4)
    assert "loss" not in learner.update(blocks.next()), "it is found at every tenth update"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"architecture": "CBOW"}, "architecture is 'CBOW'"),
        ({"context": "befor"}, "context is 'befor', which names nothing here. Did you mean 'before'"),
        ({"size": 0}, "size is 0, but it is 1 or more"),
        ({"negatives": -1}, "negatives is -1, but it is 0 or more"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, but learning goes downhill"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Word2VecConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("sharing", "groups"), [(16, 2), (32, 1), (500, 1), (15, 4), (7, 8), (1, 32)])
def test_words_share_noise_with_as_many_as_divide_a_block(sharing: int, groups: int) -> None:
    learner, _ = trained("skip_gram", 5, 0)
    learner.config = replace(learner.config, sharing=sharing)
    assert learner._shared(32) == (groups, learner.config.shared)


@pytest.mark.parametrize("negatives", [5, 0])
def test_the_probabilities_of_the_next_word_are_those_of_the_text(negatives: int) -> None:
    """A chain whose next word depends on the last alone, so that a bag of one word can tell all there is to know."""
    size, generator = 6, torch.Generator().manual_seed(0)
    chances = torch.rand(size, size, generator=generator).pow(2).add(0.05)
    chances /= chances.sum(1, keepdim=True)
    drawn = [0]
    for _ in range(20_000):
        drawn.append(int(torch.multinomial(chances[drawn[-1]], 1, generator=generator)))
    sentences = [[f"w{i}" for i in drawn]]
    lexicon = Lexicon.of(sentences, least=1)
    text = NumberedText.of(sentences, lexicon)
    blocks = WordBlocks(BlocksConfig(window=1, sample=0.0, block=64), text, lexicon, Seeds(0))
    config = Word2VecConfig(
        architecture="cbow", context="before", negatives=negatives, size=12, learning_rate=0.05,
        decay=Schedule(kind="linear", steps=1_500), sharing=16, shared=16,
    )  # fmt: skip
    learner = Word2Vec(config, lexicon, 1, Seeds(0))
    untaught = learner.evaluate(text)
    for _ in range(1_500):
        learner.update(blocks.next())
    predictor = learner.predictor()
    for i in range(size):
        for word, share in predictor.likeliest(f"w{i}"):
            assert share == pytest.approx(float(chances[i, int(word[1:])]), abs=0.04)
    pairs = torch.tensor(drawn[:-1]), torch.tensor(drawn[1:])
    metrics, least = learner.evaluate(text), -float(chances[pairs].log().mean())
    assert least - 0.01 < float(metrics["loss"]) < least + 0.01, "nats of the text by the chain itself"
    assert float(metrics["loss"]) < float(metrics["unigram_loss"]) - 0.1 < float(untaught["loss"])


def test_it_goes_on_with_a_prompt() -> None:
    config = Word2VecConfig(architecture="cbow", context="before", size=4)
    lexicon = Lexicon.of([["a", "b", "c"]], least=1)
    learner = Word2Vec(config, lexicon, 2, Seeds(0))
    said = learner.reply("a b", Manner(length=3, seed=1))
    assert said == learner.reply("a b", Manner(length=3, seed=1))
    assert said.startswith("a b ")
    assert set(said.split()) <= {"a", "b", "c"}
    assert len(said.split()) == 5
    with pytest.raises(ValueError, match="'d' is not among the 3 words"):
        learner.reply("a d", Manner())


def test_what_tells_the_next_word_is_a_copy() -> None:
    learner = Word2Vec(
        Word2VecConfig(architecture="cbow", context="before", size=4), Lexicon.of([["a", "b"]], least=1), 2, Seeds(0)
    )
    predictor = learner.predictor()
    learner.inputs.vectors.zero_()
    learner.outputs.vectors.fill_(1.0)
    assert float(predictor.vectors.abs().min()) > 0
    assert float(predictor.outputs.abs().max()) == 0


@pytest.mark.parametrize(("architecture", "context"), [("cbow", "around"), ("skip_gram", "before")])
def test_of_other_kinds_none_tells_the_next_word(architecture: str, context: str) -> None:
    config = Word2VecConfig(architecture=architecture, context=context)  # type: ignore[arg-type]
    learner = Word2Vec(config, Lexicon.of([["a", "b"]], least=1), 2, Seeds(0))
    with pytest.raises(ValueError, match=f"The architecture is '{architecture}' with the context '{context}', which"):
        learner.reply("a", Manner())
