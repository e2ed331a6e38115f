"""`lab results`: writes the table of recorded results anew."""

from __future__ import annotations

from lab.cli.arguments import Parser


def results_command(words: list[str]) -> int:
    """`lab results`: makes RESULTS.md from results/*.json and the experiments' targets."""
    parser = Parser(
        "results",
        "Write RESULTS.md anew, from the recorded results in results/ and from the experiments' targets.\n"
        "`lab verify NAME --record` records a result and does this as well.",
    )
    parser.add_repository()
    given = parser.parse_args(words)
    from lab.results import repository, write_page

    print(write_page(repository(given.repository)))
    return 0
