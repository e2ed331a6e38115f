"""`lab sample`: text in, text out, from whatever a run has taught to speak."""

from __future__ import annotations

import sys
from dataclasses import replace

from lab.cli.arguments import Parser
from lab.errors import speaks_to_the_user
from lab.store import RunError, find_run, runs_folder
from lab.trial import Manner, Speaker


def sample_command(words: list[str]) -> int:
    """`lab sample RUN`: what a run's newest checkpoint answers to a prompt, or to each line that is typed."""
    usual = Manner()
    parser = Parser(
        "sample",
        "Talk to what a run has learnt, from its newest checkpoint: a language model goes on with the prompt, a\n"
        "translator translates it, a chat bot replies. Without --prompt every line of the input is one.\n"
        "RUN is a run directory, or its end: char_transformer, char_transformer/3f2a/seed-1.",
    )
    parser.add_argument("run", metavar="RUN", help="a run directory, or enough of its name")
    parser.add_argument("--prompt", metavar="TEXT", help="what to answer (default: each line of standard input)")
    parser.add_argument(
        "--length", metavar="N", type=int, default=usual.length, help=f"characters or words at most ({usual.length})"
    )
    parser.add_argument(
        "--temperature", metavar="T", type=float, default=usual.temperature,
        help=f"of what is drawn; 0: always the likeliest ({usual.temperature:g})",
    )  # fmt: skip
    parser.add_argument(
        "--top-k", metavar="N", type=int, default=usual.top_k, help="draw of the N likeliest alone (0: of all)"
    )
    parser.add_argument("--beam", metavar="N", type=int, default=usual.beam, help="width of a translator's search (1)")
    parser.add_argument("--seed", metavar="N", type=int, default=usual.seed, help="of what is drawn (0)")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    manner = Manner(
        length=given.length, temperature=given.temperature, top_k=given.top_k, beam=given.beam, seed=given.seed
    )
    directory = find_run(given.run, runs_folder(given.runs_dir))

    from lab.trained import trained

    trial, _ = trained(directory)
    if not isinstance(trial, Speaker):
        raise RunError(f"The run does not speak: its {type(trial).__name__} has no reply(prompt, manner).")
    if given.prompt is not None:
        print(_reply(trial, given.prompt, manner))
        return 0
    _converse(trial, manner)
    return 0


def _reply(trial: Speaker, prompt: str, manner: Manner) -> str:
    try:
        return trial.reply(prompt, manner)
    except ValueError as error:  # the usage is right: the model cannot read this, or does not speak
        if not speaks_to_the_user(error):
            raise
        raise RunError(str(error)) from error


def _converse(trial: Speaker, manner: Manner) -> None:
    """Answers each line, each with a seed of its own, so that the same line is not answered by the same words."""
    asks = sys.stdin.isatty()
    if asks:
        print("Write a line and press Enter; Ctrl-D ends it.", file=sys.stderr)
    turn = 0
    while True:
        try:
            prompt = input("> " if asks else "")
        except EOFError:
            break
        try:
            print(_reply(trial, prompt, replace(manner, seed=manner.seed + turn)), flush=True)
        except RunError as error:
            if not asks:
                raise
            print(f"lab: {error}", file=sys.stderr)
        turn += 1
    if asks:
        print(file=sys.stderr)
