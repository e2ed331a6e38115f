"""`lab export`: the backbone that a run has learnt, as a file of weights."""

from __future__ import annotations

from pathlib import Path

from lab.cli.arguments import Parser
from lab.store import find_run, runs_folder


def export_command(words: list[str]) -> int:
    """`lab export RUN`: writes the backbone of a run's newest checkpoint as safetensors."""
    parser = Parser(
        "export",
        "Write the backbone that a run has learnt, from its newest checkpoint, as a safetensors file.\n"
        "RUN is a run directory, or its end: dqn_bricks, dqn_bricks/3f2a, dqn_bricks/3f2a/seed-1.\n"
        "Another experiment begins with it: lab run few_labels --from FILE (or --from RUN at once).",
    )
    parser.add_argument("run", metavar="RUN", help="a run directory, or enough of its name")
    parser.add_argument("--out", metavar="FILE", help="where to write (default: backbone-STEP.safetensors in the run)")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    if given.out and Path(given.out).suffix != ".safetensors":
        raise ValueError(f"--out is {given.out}, but what is written is safetensors. Let the name end in .safetensors.")
    directory = find_run(given.run, runs_folder(given.runs_dir))

    from lab.trained import export_backbone

    print(export_backbone(directory, Path(given.out) if given.out else None))
    return 0
