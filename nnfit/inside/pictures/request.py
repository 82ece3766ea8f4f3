"""What a picture is asked of: models, data, options, and what each kind reads with them.

Nothing is read before a kind asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnfit.inside.pictures.kinds import Options
from nnfit.inside.pictures.rows import read_rows
from nnfit.model.evaluation import Evaluation
from nnfit.model.model import Model
from nnfit.model.streaming import evaluate_rows
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows


@dataclass(frozen=True)
class Request:
    """`models` with their files' names, one but for fit; `data` is a path, "" for none."""

    models: Sequence[tuple[str, Model]]
    data: str
    options: Options
    observer: Observer

    @property
    def name(self) -> str:
        """The first model's file."""
        return self.models[0][0]

    @property
    def model(self) -> Model:
        """The first model."""
        return self.models[0][1]

    def rows(self, *, target: bool = True) -> NamedRows:
        """Return the data's rows, as `read_rows` does."""
        return read_rows(self.model, self.data, self.observer, target=target)

    def evaluation(self) -> Evaluation:
        """Return the predictions beside the truth."""
        return evaluate_rows(self.model, self.data, self.observer)
