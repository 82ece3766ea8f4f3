"""Which of a model's members is looked at, where what is shown belongs to one network."""

from __future__ import annotations

from nnfit.errors import ConfigError
from nnfit.model.model import Model
from nnfit.observer import Observer


def one_member(model: Model, name: str, member: int | None, observer: Observer) -> Model:
    """Return the model of one member, counted from 1, alone.

    Where none is named it is the first, which is said. `name` is the model's in messages.

    Raises
    ------
    ConfigError
        When there is no such member.
    """
    n = model.network.members
    if member is not None and not 1 <= member <= n:
        has = "one network; expected 1, or none" if n == 1 else f"{n} members; expected 1 to {n}"
        raise ConfigError(f"--member: got {member}; {name} has {has}")
    if n == 1:
        return model
    if member is None:
        observer.note(f"{name}: member 1 of {n}")
    return model.member((member or 1) - 1)
