"""Multi30k: what is to be seen in 31,014 pictures, in German and English. Its files are the user's to bring."""

from __future__ import annotations

from pathlib import Path

from lab.data.files import MissingData, data_folder
from lab.data.pairs import PARTS, PairedParts, read_parallel_parts

ADDRESS = "https://github.com/multi30k/dataset"  # which packs each file for itself and names the test part by its year
LANGUAGES = ("de", "en")


def read_multi30k(folder: str | Path | None = None) -> PairedParts:
    """German to English: {train,val,test}.{de,en} in a folder, by default multi30k in the data folder.

    Nothing is fetched. Raises MissingData if a file is not there, ValueError, which names file and line, for what does
    not fit together. Source: Elliott et al. 2016, "Multi30K: multilingual English-German image descriptions".
    """
    folder = data_folder() / "multi30k" if folder is None else Path(folder)
    names = [f"{part}.{language}" for part in PARTS for language in LANGUAGES]
    if absent := [name for name in names if not (folder / name).exists()]:
        raise MissingData(
            f"Of Multi30k {', '.join(absent)} are not in {folder}. Get them from {ADDRESS}, unpack them under these "
            "names and put them there, or name the folder that has them."
        )
    return read_parallel_parts(folder, *LANGUAGES)
