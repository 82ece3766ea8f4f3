"""The way to a Dask cluster: a client that is silent and leaves nothing, and what happens there."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nnfit.errors import NnfitError

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 10.0  # until a scheduler has to answer, and a first worker should be there
CLOSING_SECONDS = 2.0
TOPIC = "nnfit"  # of the events that tell how far tasks are


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Lend a client of the scheduler at HOST:PORT; once it is closed the cluster forgets its tasks.

    Raises
    ------
    NnfitError
        When Dask is not installed, or no scheduler answers.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as err:
        raise NnfitError(
            f"dask://{address}: needs Dask, which is not installed. Run: pip install distributed"
        ) from err
    warnings.filterwarnings("ignore", module=r"(dask|distributed|tornado)\b")
    before = logging.root.manager.disable
    logging.disable()
    try:
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            _require_scheduler(address)
            client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
            try:
                yield client
            finally:
                with suppress(TimeoutError):
                    client.close(timeout=CLOSING_SECONDS)
    finally:
        logging.disable(before)


@contextmanager
def happenings(client: Client) -> Iterator[SimpleQueue[Any]]:
    """Lend the events of the cluster, and of nnfit's tasks there, as they come."""
    events: SimpleQueue[Any] = SimpleQueue()
    topics = ("all", TOPIC)
    for topic in topics:
        client.subscribe_topic(topic, lambda event: events.put(event[1]))
    try:
        yield events
    finally:
        if client.status == "running":
            for topic in topics:
                client.unsubscribe_topic(topic)


def _require_scheduler(address: str) -> None:
    """Raise NnfitError where none answers: a client would wait for ever for one that hangs."""
    try:
        asyncio.run(asyncio.wait_for(_asked(address), ANSWER_SECONDS))["workers"]
    except Exception as err:  # whatever answers may be none
        raise NnfitError(
            f"dask://{address}: no scheduler answers within {ANSWER_SECONDS:g} seconds; expected "
            "one of Dask, as `dask scheduler` starts it. Look at the address and its port"
        ) from err


async def _asked(address: str) -> Any:
    """Return what the scheduler says of itself."""
    from distributed import Security, rpc

    security = Security().get_connection_args("client")
    async with rpc(address, connection_args=security) as scheduler:
        return await scheduler.identity()
