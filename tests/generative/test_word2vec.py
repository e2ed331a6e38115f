"""word2vec as a learner: what it learns, how exactly it goes on, whatever the threads."""

from __future__ import annotations

import pytest
import torch

from generative.word2vec import Word2Vec, Word2VecConfig
from generative.word_blocks import BlocksConfig, WordBlocks
from lab.data.word_stream import Lexicon, NumberedText
from lab.provenance import fixed_bits
from lab.schedules import Schedule
from lab.seeding import Seeds

KINDS = [("skip_gram", 5), ("cbow", 5), ("skip_gram", 0), ("cbow", 0)]
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


def test_the_vectors_do_not_depend_on_the_number_of_threads() -> None:
    found = []
    for threads in (1, 2, 4):
        with fixed_bits(threads=threads, deterministic=True):
            sentences = [[f"w{i}" for i in row] for row in torch.randint(
                3_000, (800, 50), generator=torch.Generator().manual_seed(0)
            ).tolist()]  # fmt: skip
            lexicon = Lexicon.of(sentences, least=1)
            blocks = WordBlocks(BlocksConfig(), NumberedText.of(sentences, lexicon), lexicon, Seeds(0))
            learner = Word2Vec(Word2VecConfig(), lexicon, 5, Seeds(0))
            for _ in range(6):
                learner.update(blocks.next())
            found.append(learner.inputs.vectors)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_the_first_loss_is_that_of_guessing() -> None:
    # Where outputs are 0 every turn is even: log 2 for the context and for each of its 5 words of the noise.
    learner, blocks = trained("skip_gram", 5, 0)
    assert float(learner.update(blocks.next())["loss"]) == pytest.approx(6 * 0.693147, rel=1e-4)
    assert "loss" not in learner.update(blocks.next()), "it is found at every tenth update"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 0}, "size is 0, but there is at least 1"),
        ({"negatives": -1}, "negatives is -1, but there is at least 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, but learning goes downhill"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Word2VecConfig(**settings)  # type: ignore[arg-type]
