"""What a person sees: progress on stderr, and the tables the commands print.

The only home of rich and matplotlib; nothing is worked out here, and no file read or written.
"""

from nnfit.report.observers import make_observer
from nnfit.report.tables import print_gradcheck, print_inspection, print_metrics

__all__ = ["make_observer", "print_gradcheck", "print_inspection", "print_metrics"]
