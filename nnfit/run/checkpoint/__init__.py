"""The checkpoint beside a model: what a run that was stopped goes on from, to the same bytes."""

from nnfit.run.checkpoint.keeper import Checkpoint

__all__ = ["Checkpoint"]
