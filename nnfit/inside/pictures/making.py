"""From the name of a kind to its picture: what it needs read, and of which models it can be made.

The command line is parsed elsewhere, and nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.own_rows import own_csv
from nnfit.inside.pictures.kinds import KINDS, Options
from nnfit.inside.pictures.request import Request
from nnfit.inside.sources import say_own
from nnfit.model.members import one_member
from nnfit.model.model import Model
from nnfit.observer import Observer
from nnfit.training.threads import blas_threads

LARGEST = 1e150  # its square is in range, and so are the margins around a logarithmic axis


def make_picture(
    kind: str,
    models: Sequence[tuple[str, Model]],
    data: str | None,
    options: Options,
    observer: Observer,
    names: tuple[str, ...] = (),
) -> object:
    """Return the numbers of a picture.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    models : sequence of (file name, Model)
        One; for some kinds several, for some none.
    data : str, optional
        A CSV; the one the first model was trained on when left out, if it is here.
    names : tuple of str
        What is to be shown, of kinds that need no model.

    Raises
    ------
    NnfitError
        When this picture can't be made of these models or data.
    """
    own = None
    if "member" in KINDS[kind].options:
        models = [(n, one_member(model, n, options.member, observer)) for n, model in models]
    if models:
        _check_task(kind, *models[0])
        if KINDS[kind].data != "none" and data is None and options.split is None:
            data = own = _own_data(kind, *models[0])
    make = import_module(f"nnfit.inside.pictures.{kind}").make
    name = models[0][0] if models else kind
    far = f"{name}: its numbers are too large for a picture; expected none beyond {LARGEST:g}"
    with blas_threads(1), np.errstate(all="ignore"):  # the same bits for any number of cores
        try:
            picture: object = make(Request(models, data, options, observer, names=names))
        except np.linalg.LinAlgError as err:  # of what is not finite any more
            raise PictureError(far) from err
    if _largest(picture) > LARGEST:
        raise PictureError(far)
    if own is not None and KINDS[kind].data == "needed":
        say_own(own, name, observer)
    return picture


def _check_task(kind: str, name: str, model: Model) -> None:
    wanted = KINDS[kind]
    if wanted.task not in (None, model.task):
        see = "residuals" if model.labels is None else "confusion"
        raise PictureError(
            f"{name}: is a {model.task}, which has no {wanted.shows}; expected a {wanted.task}. "
            f"See 'nnfit plot {see}'"
        )


def _own_data(kind: str, name: str, model: Model) -> str | None:
    """Return the CSV that a model was trained on, if it is here."""
    data = own_csv(model, name)
    if data is None and KINDS[kind].data == "needed":
        stored = model.kept.data.path
        raise PictureError(
            f"{name}: its training data {stored!r} is not here; expected it, or another CSV. "
            "Name one after the model"
        )
    return data


def _largest(value: Any) -> float:
    """Return the largest size of a finite number in a picture."""
    if is_dataclass(value):
        value = tuple(vars(value).values())
    if isinstance(value, tuple):
        return max(map(_largest, value), default=0.0)
    numbers = np.asarray(value)
    if numbers.dtype.kind != "f":
        return 0.0
    return float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0))
