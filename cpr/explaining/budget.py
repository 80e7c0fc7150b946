"""How much an explanation may cost: numbers of things, and time."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns

from cpr.errors import BadInput, PredictionFailed

MOST_PATHS = 1_000
MOST_STEPS = 1_000
MOST_FEATURES = 1_024
MOST_PREDICTIONS = 100_000
MOST_BASELINES = 10
# Numbers of an answer, of the scores that one is made of, and of the instances of one predict.
MOST_NUMBERS = 4_000_000

# One predict lasts about so long, so that others need not wait longer for their turn.
_CHUNK_NS = 50_000_000
_FIRST_ROWS, _MOST_ROWS = 32, 1_024


class OutOfTime(PredictionFailed):
    """The explanation takes longer than a request may."""

    http_status, grpc_code = 504, 4


class Budget:
    """The time of one request, and how many rows the next predict should have.

    Args:
        deadline_ns: When the answer must be there, on the monotonic clock; 0
            for never.
        between: Called between predicts, for whoever else wants one.
        most_rows: Of a predict; 0 for no bound.

    `planned` is how many predictions there will be, roughly, and `made` how
    many there have been.
    """

    def __init__(
        self,
        deadline_ns: int = 0,
        *,
        between: Callable[[], None] | None = None,
        most_rows: int = 0,
    ) -> None:
        self._begun_ns = monotonic_ns()
        self._deadline_ns = deadline_ns
        self._between = between
        self._most_rows = min(most_rows or _MOST_ROWS, _MOST_ROWS)
        self._longest_ns = 0
        self.rows = min(_FIRST_ROWS, self._most_rows)
        self.made = self.planned = self._kept = 0

    def limit_rows(self, most: int) -> None:
        """Never ask for more rows in one predict than this."""
        self._most_rows = min(most, self._most_rows)
        self.rows = min(self.rows, self._most_rows)

    def limit_values(self, values: int) -> None:
        """Never have more than `MOST_NUMBERS` in one predict, of rows of so many."""
        self.limit_rows(max(MOST_NUMBERS // max(values, 1), 1))

    def keep(self, numbers: int) -> None:
        """Count numbers of the answer, before they are made.

        Raises:
            BadInput: There are too many.
        """
        self._kept += numbers
        check_numbers(self._kept, "the answer")

    def run(self, rows: int, predict: Callable[[], object]) -> object:
        """Call `predict`, which makes so many predictions, unless there is no time left.

        Raises:
            OutOfTime: There is not.
        """
        if self._between is not None and self.made:
            self._between()
        started = monotonic_ns()
        self._check(started)
        found = predict()
        spent = monotonic_ns() - started
        self.made += rows
        self._longest_ns = max(self._longest_ns, spent)
        if spent < _CHUNK_NS // 2 and rows >= self.rows:
            self.rows = min(2 * self.rows, self._most_rows)
        elif spent > _CHUNK_NS:
            self.rows = max(self.rows // 2, 1)
        return found

    def _check(self, now: int) -> None:
        """Give up while there is time to say so."""
        if not self._deadline_ns:
            return
        whole = self._deadline_ns - self._begun_ns
        if now + 1.5 * self._longest_ns > self._deadline_ns - whole / 20:
            raise OutOfTime(
                f"there is no time left for the explanation, for which {self.made:,} predictions "
                "have been made.",
                hint="Ask for fewer instances, num_paths or num_integral_steps at once, or give "
                "the server a longer request_timeout_s.",
            )


def check_numbers(count: int, what: str) -> None:
    """Refuse an explanation that would take too much memory.

    Raises:
        BadInput: Of `what`, which holds so many numbers.
    """
    if count > MOST_NUMBERS:
        raise BadInput(
            f"{what} would hold {count:,} numbers; one request may have {MOST_NUMBERS:,}.",
            hint="Ask for a smaller top_k, a label_index, or fewer instances at once.",
        )


def check_predictions(count: int, what: str) -> None:
    """Refuse an explanation that would take too many predictions.

    Raises:
        BadInput: Of `what`, which names the numbers that they come from.
    """
    if count > MOST_PREDICTIONS:
        raise BadInput(
            f"{what} take {count:,} predictions; one request may take {MOST_PREDICTIONS:,}.",
            hint="Send fewer instances, ask for fewer num_paths or baselines, or, of a "
            "TensorFlow model, for the method integrated-gradients.",
        )
