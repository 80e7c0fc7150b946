"""What is known of a request once it has been answered: for counts, logs and traces."""

from __future__ import annotations

from typing import NamedTuple


class Stages(NamedTuple):
    """Where a worker's nanoseconds for a request went.

    What calls of one batch share is split evenly. `batch_size` is the number of
    calls that shared the predict, and 0 where no worker answered.
    """

    decode_ns: int = 0
    predict_ns: int = 0
    encode_ns: int = 0
    instances: int = 0
    batch_size: int = 0


NO_STAGES = Stages()


class Answered(NamedTuple):
    """One request, whose answer has been written.

    `ended_ns` is the time of that, since the epoch. `client` is an address
    without the port, `path` as it came. `queue_ns` is the rest of the time that
    is in no stage. A named tuple is quick to make: there is one for every request.
    """

    ended_ns: int
    request_id: str
    client: str
    method: bytes
    path: bytes
    model: str
    version: str
    route: str
    status: int
    bytes_in: int
    bytes_out: int
    total_ns: int
    queue_ns: int = 0
    stages: Stages = NO_STAGES
    is_retried: bool = False
