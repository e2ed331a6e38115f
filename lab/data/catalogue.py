"""The catalogue: data sets by name, with publisher, licence, files and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from lab.data import cifar
from lab.data.analogies import parse_analogies
from lab.data.corpus import Corpus
from lab.data.dataset import Dataset
from lab.data.files import DataError, File
from lab.data.idx import read_idx
from lab.data.lines import LabelledText, read_labelled_lines
from lab.data.pairs import parse_pairs
from lab.data.shipped import breast_cancer, diabetes, digits
from lab.data.speeches import speech_pairs
from lab.data.spoken_digits import BUNDLES, read_spoken_digits
from lab.data.tagged import parse_tagged
from lab.data.word_pairs import parse_word_pairs
from lab.names import did_you_mean

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Published:
    """A data set as its publisher splits it."""

    train: Dataset
    test: Dataset | None  # none where the publisher makes no split
    classes: tuple[str, ...] = ()  # the name of each label; none where labels are numbers

    def to(self, device: torch.device | str) -> Published:
        """The same on another device."""
        return Published(self.train.to(device), None if self.test is None else self.test.to(device), self.classes)


@dataclass(frozen=True)
class Source:
    """What is known of a data set without reading it."""

    about: str
    publisher: str
    licence: str
    citation: str
    files: tuple[File, ...]  # none where scikit-learn ships it
    read: Callable[[], Any]  # a `Published`, or a set of texts or sounds that quotes itself by `excerpt()`
    text: File | None = None  # of a corpus, the file that `read` has whole


def load(name: str) -> Published:
    """A data set by its name, on the CPU; its files are fetched where they are not there.

    Images are [N, C, H, W] float32 in [0, 1], labels [N] int64. Those who load it share its tensors: do not write into
    them. Raises ValueError for a name that is not in the catalogue or is of another kind, DataError if a file is
    damaged or not to be had.
    """
    return load_as(name, Published)


def load_text(name: str) -> LabelledText:
    """A set of labelled texts by its name; as `load` otherwise."""
    return load_as(name, LabelledText)


def load_as(name: str, kind: type[Kind]) -> Kind:
    """A set by its name, which must be of a kind such as `LabelledText`; as `load` otherwise."""
    found = _read(name)
    if not isinstance(found, kind):
        raise ValueError(
            f"{name} is a {type(found).__name__}, and no {kind.__name__}. Take "
            f"lab.data.catalogue.load_as({name!r}, {type(found).__name__})."
        )
    return found


def text_file(name: str) -> Path:
    """Where the text of a corpus lies, for what does not read it whole; perhaps packed, as the end of its name tells.

    Raises ValueError for a name that is not in the catalogue or of no corpus, DataError as `load`.
    """
    file = source(name).text
    if file is None:
        texts = [other for other, known in SOURCES.items() if known.text is not None]
        raise ValueError(f"{name} is not one text that can be read piece by piece. {did_you_mean(name, texts)}")
    return file.find()


def _read(name: str) -> Any:
    """Reads a set anew only when its files have changed: a launch of many seeds in one process reads them once."""
    stamps = tuple(file.stamp() for file in source(name).files)
    if None in stamps:  # to be fetched
        return source(name).read()
    return _read_once(name, stamps)


@lru_cache(maxsize=4)
def _read_once(name: str, stamps: tuple[tuple[str, int, int] | None, ...]) -> Any:
    return source(name).read()


def source(name: str) -> Source:
    """What is known of a data set. Raises ValueError if there is none of that name."""
    if name not in SOURCES:
        raise ValueError(f"There is no data set {name!r}. {did_you_mean(name, SOURCES)}")
    return SOURCES[name]


def _pixels(images: Tensor) -> Tensor:
    return images.float().div_(255)


def _labelled(name: str, images: Tensor, labels: Tensor, num_classes: int) -> Dataset:
    """Images [N, H, W] and labels [N], both of bytes. Raises DataError where they do not belong together."""
    if images.ndim != 3 or labels.shape != images.shape[:1] or (len(labels) and int(labels.max()) >= num_classes):
        raise DataError(
            f"{name}: the images are {list(images.shape)} and the labels {list(labels.shape)} up to "
            f"{int(labels.max()) if len(labels) else 'none'}, but there should be a label from 0 to {num_classes - 1} "
            "for each image [H, W]. The files belong to different sets, or are damaged: get them again."
        )
    return Dataset(_pixels(images)[:, None], labels.long())


def _idx_source(name: str, files: tuple[File, ...], classes: tuple[str, ...]) -> Callable[[], Published]:
    """Reads images and labels for training, then those for testing."""

    def read() -> Published:
        training, training_labels, test, test_labels = (read_idx(file.find()) for file in files)
        return Published(
            _labelled(name, training, training_labels, len(classes)),
            _labelled(name, test, test_labels, len(classes)),
            classes,
        )

    return read


def _read_cifar10() -> Published:
    path = _CIFAR10.find()
    (training, training_labels), (test, test_labels) = (cifar.read_cifar(path, m) for m in (cifar.TRAINING, cifar.TEST))
    return Published(Dataset(_pixels(training), training_labels), Dataset(_pixels(test), test_labels), cifar.CLASSES)


def _idx_files(folder: str, address: str, *known: tuple[str, int, str]) -> tuple[File, ...]:
    return tuple(
        File(f"{folder}/{name}-ubyte.gz", size, digest, f"{address}/{name}-ubyte.gz") for name, size, digest in known
    )


def _kept_together(folder: str, address: str, *known: tuple[str, int, str]) -> tuple[File, ...]:
    """Plain files below one address, which may also lie in one archive in the folder, as <folder>.tar.xz."""
    return tuple(
        File(f"{folder}/{name}", size, digest, f"{address}/{name}", kept_in=f"{folder}/{folder}.tar.xz")
        for name, size, digest in known
    )


_FASHION = _idx_files(
    "fashion-mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ("train-images-idx3", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    ("train-labels-idx1", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ("t10k-images-idx3", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    ("t10k-labels-idx1", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)
_MNIST = _idx_files(
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    ("train-images-idx3", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    ("train-labels-idx1", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ("t10k-images-idx3", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    ("t10k-labels-idx1", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)
_CIFAR10 = File(
    "cifar-10/cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
)
_SMS_SPAM = File(
    "sms-spam/SMSSpamCollection",
    477_907,
    "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
    "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
    member="SMSSpamCollection",
)
_SNIPS = _kept_together(
    "snips",
    "https://raw.githubusercontent.com/MiuLab/SlotGated-SLU/master/data/snips",
    ("train/seq.in", 617_079, "04ad1e3f2121d83c6478f9a4b17d2dbdc21d06d6127f73cb7af835ed733f9855"),
    ("train/seq.out", 950_926, "fd5f2121d8055827e5d6b3d3bac30f3d7e94e82a5d437751960cbdd9e1b4f6d3"),
    ("train/label", 184_532, "bfd7df6cf9dd76c5da5d8b61bc85f90386197bdd3d7510c1d324c051537b962f"),
    ("valid/seq.in", 33_629, "64e0f6d8ad8aab3a3828164d7d53731a0993d3ca1aed437ceaca6d3d568d410e"),
    ("valid/seq.out", 50_626, "712e6d34feb8d52d208b820a5f8bae6e6ff990f08374507dfde22de389088319"),
    ("valid/label", 9_900, "9c1dd041216f647bcfca838aaf1a48eb5781e4404256d31ff07cd38a5436c52f"),
    ("test/seq.in", 33_121, "c1e341173fcea2951a8ca371956a6f81c76de87b9583c62eb87edd6158fa3a7c"),
    ("test/seq.out", 50_918, "58c07c9097d5e1f78889765c2a535a160f6455b90b3142055c8051847afcca47"),
    ("test/label", 10_120, "37a26da3ad079bb41c42c85a3a8f827eb47efec4c5917ce5d08f4b2736e4f830"),
)
_TINY_SHAKESPEARE = File(
    "tiny-shakespeare/input.txt",
    1_115_394,
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
)
# The publisher adds sentences now and then: what is there today is newer, fails the checksum and is refused, as scores
# of one version say nothing of another.
_TATOEBA_FRA_ENG = File(
    "tatoeba-fra-eng/fra.txt",
    10_009_515,
    "2546838ae46e0eac4c02ab7032ea0a02a006074a5340077a36a9444f41e02888",
    "http://www.manythings.org/anki/fra-eng.zip",
    member="fra.txt",
)
# Made of the publisher's articles: headings, lists, tables and references are left out, digits are spelled, accents
# taken off, and articles chosen by the SHA-256 of their titles. The titles name the authors, as the licence asks.
_ENWIKI27 = (
    File("enwiki27/enwiki27-60M", 60_000_000, "690e50cd0edc544f65b5772134f280283ddf58d8cb6c7ac04e6f72c6d2ea1613", ""),
    File("enwiki27/TITLES.txt", 56_515, "233b1af3fe1630ff993913eb52636c146adb41aaaaf9df7225d1c4ff195fb543", ""),
)
_QUESTIONS_WORDS = File(
    "word-similarity/questions-words.txt",
    603_955,
    "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
    "https://raw.githubusercontent.com/tmikolov/word2vec/master/questions-words.txt",
)
_WORDSIM353 = File(
    "word-similarity/wordsim353-combined.csv",
    7_433,
    "49ff6433ae68abe716fb66433fd870483e289a7a8c74531f59eca847d103fff3",
    "https://raw.githubusercontent.com/fanglanting/skip-gram-pytorch/master/wordsim353/combined.csv",
)
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
NUMERALS = tuple("0123456789")

SOURCES: dict[str, Source] = {
    "fashion_mnist": Source(
        "70,000 grey pictures of clothes, 28 x 28, ten classes",
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT",
        "Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747",
        _FASHION,
        _idx_source("fashion_mnist", _FASHION, GARMENTS),
    ),
    "mnist": Source(
        "70,000 grey pictures of handwritten digits, 28 x 28",
        "http://yann.lecun.com/exdb/mnist/",
        "CC BY-SA 3.0",
        "LeCun, Bottou, Bengio and Haffner 1998, Proceedings of the IEEE 86(11)",
        _MNIST,
        _idx_source("mnist", _MNIST, NUMERALS),
    ),
    "cifar10": Source(
        "60,000 coloured pictures, 32 x 32, ten classes",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "none stated",
        "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        (_CIFAR10,),
        _read_cifar10,
    ),
    "digits": Source(
        "1,797 grey pictures of handwritten digits, 8 x 8",
        "https://archive.ics.uci.edu/dataset/80",
        "CC BY 4.0",
        "Alpaydin and Kaynak 1998, UCI",
        (),
        lambda: Published(digits(), None, NUMERALS),
    ),
    "diabetes": Source(
        "442 patients, ten measurements and how the disease went on",
        "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
        "none stated",
        "Efron, Hastie, Johnstone and Tibshirani 2004, Annals of Statistics 32(2)",
        (),
        lambda: Published(diabetes(), None),
    ),
    "breast_cancer": Source(
        "569 tumours, thirty measurements, malignant or benign",
        "https://archive.ics.uci.edu/dataset/17",
        "CC BY 4.0",
        "Street, Wolberg and Mangasarian 1993, UCI",
        (),
        lambda: Published(breast_cancer(), None, ("malignant", "benign")),
    ),
    "sms_spam": Source(
        "5,574 text messages in English, ham or spam",
        "https://archive.ics.uci.edu/dataset/228",
        "CC BY 4.0",
        "Almeida, Gomez Hidalgo and Yamakami 2011, Contributions to the study of SMS spam filtering, DocEng",
        (_SMS_SPAM,),
        lambda: read_labelled_lines(_SMS_SPAM.find(), classes=("ham", "spam")),
    ),
    "snips": Source(
        "14,484 requests to an assistant in English: a slot tag a word, and one of seven intents",
        "https://github.com/MiuLab/SlotGated-SLU",
        "CC0 1.0",
        "Coucke et al. 2018, arXiv 1805.10190; split into words and parts by Goo et al. 2018, NAACL",
        _SNIPS,
        lambda: parse_tagged({Path(file.path): file.content().decode() for file in _SNIPS}),
    ),
    "fsdd": Source(
        "2,000 recordings of spoken English digits, four of the publisher's six speakers, 8 kHz",
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
        "CC BY-SA 4.0",
        "Jackson et al. 2016, Free Spoken Digit Dataset, version 1.0.10",
        tuple(BUNDLES.values()),
        read_spoken_digits,
    ),
    "tatoeba_fra_eng": Source(
        "142,787 short English sentences with French translations, as of 29 September 2017",
        "http://www.manythings.org/anki/",
        "CC BY 2.0",
        "Tatoeba Project, tatoeba.org; selection by Charles Kelly, www.manythings.org/anki",
        (_TATOEBA_FRA_ENG,),
        lambda: parse_pairs(Path(_TATOEBA_FRA_ENG.path), _TATOEBA_FRA_ENG.content().decode()),
    ),
    "shakespeare_speeches": Source(
        "7,048 pairs of what one says in Shakespeare's plays and what another answers, a sentence each",
        "https://github.com/karpathy/char-rnn",
        "public domain",
        "Shakespeare; text of Karpathy 2015, The unreasonable effectiveness of recurrent neural networks",
        (_TINY_SHAKESPEARE,),
        lambda: speech_pairs(_TINY_SHAKESPEARE.content().decode()),
    ),
    "tiny_shakespeare": Source(
        "1,115,394 characters of Shakespeare's plays in one text",
        "https://github.com/karpathy/char-rnn",
        "public domain",
        "Karpathy 2015, The unreasonable effectiveness of recurrent neural networks",
        (_TINY_SHAKESPEARE,),
        lambda: Corpus(_TINY_SHAKESPEARE.content().decode()),
        _TINY_SHAKESPEARE,
    ),
    "enwiki27": Source(
        "60,000,000 characters of English Wikipedia, August 2019: only a to z and spaces, 3,530 articles, one a line",
        "https://github.com/chinapedia/wikipedia.abstract.en",
        "CC BY-SA 3.0",
        "Wikipedia contributors, English Wikipedia, August 2019; the articles are named in TITLES.txt",
        _ENWIKI27,
        lambda: Corpus(_ENWIKI27[0].content().decode()),
        _ENWIKI27[0],
    ),
    "questions_words": Source(
        "19,544 analogies in 14 groups, such as Athens : Greece = Oslo : Norway, to test word vectors",
        "https://github.com/tmikolov/word2vec",
        "Apache 2.0",
        "Mikolov, Chen, Corrado and Dean 2013, arXiv 1301.3781",
        (_QUESTIONS_WORDS,),
        lambda: parse_analogies(Path(_QUESTIONS_WORDS.path), _QUESTIONS_WORDS.content().decode()),
    ),
    "wordsim353": Source(
        "353 pairs of English words and how related people find them, to test word vectors",
        "http://gabrilovich.com/resources/data/wordsim353/wordsim353.html",
        "CC BY 4.0",
        "Finkelstein et al. 2002, Placing search in context: the concept revisited, ACM TOIS 20(1)",
        (_WORDSIM353,),
        lambda: parse_word_pairs(Path(_WORDSIM353.path), _WORDSIM353.content().decode()),
    ),
}
