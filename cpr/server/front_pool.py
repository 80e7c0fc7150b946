"""All workers that a front reaches: who gets a call, and what becomes of it if he dies of it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from time import monotonic_ns

from cpr.server.frames import ALONE, EXPIRED
from cpr.server.front_exchange import Exchange
from cpr.server.front_link import Link, Outcome

# A worker that has been at one predict for so long gets nothing that others can take.
_SLOW_NS = 200_000_000
_MANY = 1 << 40
# What a worker wrote before it ended is read by then.
_ENDED_S = 0.2

CRASHED = "the predictor's process crashed on this request, and again when it was tried alone."
CRASHED_ONCE = "the predictor's process ended while it was predicting this request."


class Pool:
    """All workers that this front can reach; hands out calls and gets them answered.

    Args:
        loop: The front's event loop.
        finish: Called with a call that a worker has answered.
        fail: Called with one that no worker will answer, a status and a text.
        tell: Sends a message to the supervisor.
        count: Counts an event.
        may_retry: Whether a call may be predicted twice.
        request_timeout_s: How long a worker may be at one predict.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        finish: Callable[[Exchange, Outcome], None],
        fail: Callable[[Exchange, int, str], None],
        tell: Callable[[dict[str, object]], None],
        *,
        count: Callable[[str], None],
        may_retry: bool,
        request_timeout_s: float,
    ) -> None:
        self.loop = loop
        self.default_version = ""
        self.in_flight = 0
        self._finish = finish
        self._fail = fail
        self._tell = tell
        self._count = count
        self._may_retry = may_retry
        self._timeout_ns = round(request_timeout_s * 1e9)
        self._links: dict[int, Link] = {}
        self._by_version: dict[str, list[Link]] = {}
        self._coming: set[int] = set()
        self._leaving: set[Link] = set()
        self._waiting: deque[Exchange] = deque()
        self._end_text = ""
        self._has_abandoned = False

    async def add(self, link: Link) -> None:
        """Take a worker in, and give it what has been waiting for one of its version."""
        link.on_reply, link.on_room, link.on_lost = self._answered, self._has_room, self._lost
        self._coming.add(link.worker)
        await self.loop.create_connection(lambda: link, sock=link.channel)
        if link.worker not in self._coming:
            link.close()  # it was removed meanwhile
            return
        self._coming.discard(link.worker)
        self._links[link.worker] = link
        self._by_version.setdefault(link.version, []).append(link)
        self._refill(link)

    def remove(self, worker: int) -> None:
        """Send a worker nothing more; its channel closes when it has answered the rest."""
        self._coming.discard(worker)
        link = self._links.pop(worker, None)
        if link is None:
            return
        self._drop(link)
        link.is_leaving = True
        self._leaving.add(link)
        if not link.pending:
            link.close()

    def end(self, worker: int) -> None:
        """A worker has ended; its channel does so too, unless what it started holds it open."""
        link = self._links.get(worker)
        if link is not None:
            self.loop.call_later(_ENDED_S, link.abort)

    def submit(self, exchange: Exchange) -> None:
        """Have a call predicted; `finish` or `fail` is called with it, exactly once.

        It goes to the version that its route names, or to the default one, and
        waits until a worker of that is there. Where there are several, and each
        predicts one call after the other, it waits for the first that is free,
        so that it is never stuck behind one call while others could take it.
        """
        self.in_flight += 1
        exchange.is_submitted = True
        if self._timeout_ns:
            exchange.deadline_ns = monotonic_ns() + self._timeout_ns
        self._send(exchange)

    def workers(self) -> dict[str, int]:
        """How many workers can be sent calls, by version."""
        return {version: len(links) for version, links in self._by_version.items() if links}

    def queued_by_version(self) -> list[tuple[str, int]]:
        """How many calls wait or are with a worker, by version."""
        counts = Counter(dict.fromkeys(self._by_version, 0))
        for version, links in self._by_version.items():
            counts[version] += sum(len(link.pending) for link in links)
        for exchange in self._waiting:
            counts[self._version_of(exchange)] += 1
        return list(counts.items())

    def abandon(self, exchange: Exchange) -> None:
        """Nobody waits for this call any more: a worker that has not begun it need not."""
        exchange.owner = None
        self.in_flight -= 1
        if not self._has_abandoned:
            self._has_abandoned = True
            self.loop.call_soon(self._tell_abandoned)

    def _tell_abandoned(self) -> None:
        self._has_abandoned = False
        for link in [*self._links.values(), *self._leaving]:
            link.progress.abandon(
                number for number, call in link.pending.items() if call.owner is None
            )

    def sweep(self) -> None:
        """Answer what is past its deadline; report workers that have hung. Ten times a second."""
        self._tell_abandoned()
        now = monotonic_ns()
        for link in [*self._links.values(), *self._leaving]:
            self._expire_all(link.pending.values(), now)
            busy_ns = link.hung_for_ns(now)
            link.is_slow = busy_ns > _SLOW_NS
            if self._timeout_ns and not link.is_hung and busy_ns > self._timeout_ns:
                link.is_hung = True
                seconds = self._timeout_ns / 1e9
                self._tell({"say": "hung", "worker": link.worker, "seconds": seconds})
        self._expire_all(self._waiting, now)
        self._waiting = deque(call for call in self._waiting if call.owner is not None)
        for link in self._links.values():
            self._refill(link)

    def end_waiting(self, text: str) -> None:
        """Answer 503 what waits for a worker, and what would have to from now on."""
        self._end_text = text
        for exchange in self._waiting:
            self._give_up(exchange, 503, text)

    def fail_waiting(self, known_versions: Iterable[str], status: int, text: str) -> None:
        """Answer what waits for a version that is served no more."""
        known = {*known_versions, ""}
        for exchange in self._waiting:
            route = exchange.route
            if exchange.owner is not None and route is not None and route.version not in known:
                self._give_up(exchange, status, text)

    def _answered(self, exchange: Exchange, link: Link, outcome: Outcome) -> None:
        exchange.version = link.version
        if outcome.status == EXPIRED:
            self._expire(exchange)
            return
        self.in_flight -= 1
        self._finish(exchange, outcome)

    def _lost(self, link: Link, begun: list[Exchange], untouched: list[Exchange]) -> None:
        """Send again what may be."""
        self._leaving.discard(link)
        if self._links.pop(link.worker, None) is not None:
            self._drop(link)
            self._tell({"say": "lost", "worker": link.worker})
        again = []
        for exchange in begun:
            if exchange.owner is None:
                continue
            if not self._may_retry:
                self._give_up(exchange, 503, CRASHED_ONCE)
            elif exchange.attempts:
                self._give_up(exchange, 500, CRASHED)
            else:
                exchange.attempts = 1
                exchange.flags |= ALONE
                self._count("retried")
                again.append(exchange)
        again += [exchange for exchange in untouched if exchange.owner is not None]
        # They have waited longest, and have the earliest deadlines.
        self._waiting.extendleft(reversed(again))
        for other in list(self._links.values()):
            self._refill(other)

    def _send(self, exchange: Exchange) -> None:
        links = self._by_version.get(self._version_of(exchange))
        if not links and self._end_text:
            self._give_up(exchange, 503, self._end_text)
        elif not links:
            self._waiting.append(exchange)
        elif len(links) == 1:
            links[0].send(exchange)
        else:
            link = min(links, key=_load)
            if link.is_batchable or not link.pending:
                link.send(exchange)
            else:
                self._waiting.append(exchange)

    def _has_room(self, link: Link) -> None:
        if self._waiting and not link.is_batchable:
            self._refill(link)

    def _refill(self, link: Link) -> None:
        """Send a worker what waits and may go to it."""
        waiting = self._waiting
        if not waiting or link.is_leaving or link.is_closed:
            return
        is_free = link.is_batchable or len(self._by_version[link.version]) == 1
        kept: deque[Exchange] = deque()
        while waiting and (is_free or not link.pending):
            exchange = waiting.popleft()
            if exchange.owner is None:
                continue
            if self._version_of(exchange) == link.version:
                link.send(exchange)
            else:
                kept.append(exchange)
        waiting.extendleft(reversed(kept))

    def _drop(self, link: Link) -> None:
        """Forget a link; whoever is left alone now takes all that waits."""
        links = self._by_version[link.version]
        links.remove(link)
        if len(links) == 1:
            self._refill(links[0])

    def _version_of(self, exchange: Exchange) -> str:
        route = exchange.route
        return (route.version if route is not None else "") or self.default_version

    def _expire_all(self, exchanges: Iterable[Exchange], now: int) -> None:
        # All are looked at: a call that was sent again stands behind later ones.
        for exchange in [call for call in exchanges if 0 < call.deadline_ns <= now]:
            self._expire(exchange)

    def _expire(self, exchange: Exchange) -> None:
        seconds = self._timeout_ns / 1e9
        self._give_up(exchange, 504, f"there was no prediction within {seconds:g} s.")

    def _give_up(self, exchange: Exchange, status: int, text: str) -> None:
        """Answer it, unless nobody waits: answering another may have ended its connection."""
        if exchange.owner is None:
            return
        self.in_flight -= 1
        self._fail(exchange, status, text)
        exchange.owner = None


def _load(link: Link) -> int:
    return len(link.pending) + (_MANY if link.is_slow else 0)
