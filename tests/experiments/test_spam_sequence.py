"""spam_sequence: the messages of spam_words, in the same parts."""

from __future__ import annotations

from experiments.supervised import spam_sequence, spam_words
from lab.seeding import Seeds


def test_the_parts_are_those_of_spam_words() -> None:
    trial = spam_sequence.build(spam_sequence.Config(), Seeds(0))
    bags = spam_words.build(spam_words.Config(), Seeds(0))
    for name in ("train", "test"):
        labels = trial.evaluation[name].fields[1]
        assert labels.tolist() == bags.evaluation[name].labels.tolist()
    vocabulary = trial.learner.network.embedding.tables[0].num_embeddings
    used = trial.evaluation["train"].fields[0].values[:, 0].unique()
    assert int(used.min()) == 4, "every training word is known"
    assert len(used) == vocabulary - 4, "and none was learnt from the test messages"
    assert int(trial.evaluation["test"].fields[0].values[:, 0].min()) == 1, "where others are unknown"
