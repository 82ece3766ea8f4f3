"""One example, step by step: which row, its numbers forward and backward, their formulas.

Nothing is drawn here; the report room does that from the plain values of `explain`.
"""

from nnfit.inside.explanation.explaining import FIRST_COLUMNS, FIRST_ROWS, explain

__all__ = ["FIRST_COLUMNS", "FIRST_ROWS", "explain"]
