"""The report: one self-contained HTML page of what the run directories say, and nothing else."""

from lab.report.page import write_report

__all__ = ["write_report"]
