"""Recorded results: what was measured, kept in the repository as a file a result and as one generated table."""

from lab.results.comparison import comparison_of
from lab.results.files import repository, write_comparison, write_page, write_result
from lab.results.result import ResultError, changed_settings, refuse_changed, result_of, shaping

__all__ = [
    "ResultError",
    "changed_settings",
    "comparison_of",
    "refuse_changed",
    "repository",
    "result_of",
    "shaping",
    "write_comparison",
    "write_page",
    "write_result",
]
