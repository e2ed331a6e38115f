"""The probe: what every model must pass before its results mean anything.

It asks whether outputs are finite, the loss starts where ignorance puts it, gradients reach every parameter, autograd
agrees with differences of the loss, examples stay apart, order is kept where it must be, and one batch can be learnt by
heart. All questions are put to copies: the module is left as it was.
"""

from lab.probe.case import Case, Expectation, Probed
from lab.probe.checks import Check
from lab.probe.report import Report, probe

__all__ = ["Case", "Check", "Expectation", "Probed", "Report", "probe"]
