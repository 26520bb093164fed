"""The loop that polls one account: what to ask, and what to do with the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from exporter.client import Selection
from exporter.model import UNSHARDED, PollError, Reason
from exporter.poller.pace import Limiter, Retries, pause_after, stable_offset, wait_after_bugs, wait_between_rounds
from exporter.poller.pulse import Pulse
from exporter.poller.share import owns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from exporter.client import Fetched
    from exporter.config import Account
    from exporter.model import Shard, Task, TaskList
    from exporter.store import Store

WORKERS = 4  # requests of one account under way at once
_LOOK_SECONDS = 5.0  # as long as it is blocked
_REFUSALS = frozenset({Reason.HTTP_401, Reason.HTTP_429})
Value = TypeVar("Value")


class Upstream(Protocol):
    """The API as the poller sees it. What is meant to be raised is PollError."""

    async def get_task(self, task_id: str) -> Fetched[Task]: ...
    async def list_tasks(self, selection: Selection) -> Fetched[TaskList]: ...
    def key_renewed(self) -> bool: ...
    async def prepare(self) -> None: ...
    async def aclose(self) -> None: ...


@dataclass(slots=True)
class _Round:
    """What one pass over the account came to, for the log."""

    tasks: int = 0
    unreadable: int = 0
    dropped: int = 0
    failures: Counter[Reason] = field(default_factory=Counter)
    detail: str = ""  # of the newest failure
    failed_id: str | None = None  # the first that failed
    next_request: str | None = None  # when the pause ends that a refusal brought
    met_bug: bool = False  # which cost no poll but its own


class Poller:
    """Polls one account. `now` is the wall clock; waiting is done on the event loop's monotonic one.

    `random` gives numbers from 0 to 1, for waits that others should not share; `host` is anything that tells this
    exporter's machine from others, and only spreads the requests. The account is the `shard`'s part of it (see share);
    of a list only the shard's tasks are kept.
    """

    def __init__(
        self,
        account: Account,
        upstream: Upstream,
        store: Store,
        *,
        now: Callable[[], datetime],
        random: Callable[[], float],
        host: str,
        limiter: Limiter | None = None,
        shard: Shard = UNSHARDED,
    ) -> None:
        self._account = account
        self._upstream = upstream
        self._store = store
        self._now, self._random = now, random
        self._shard = shard
        self._offset = stable_offset(account.name, host, shard=shard) if account.fetch == "list" else None
        self._listed = None if account.tasks == "all" else frozenset(account.tasks)
        self._limiter = limiter or Limiter(account.api.requests_per_minute)
        self._retries = Retries()
        self._blocked_until_seconds = 0.0
        self._blocked_by: Reason | None = None
        self._refusals = 0  # in a row, without an answer in between
        self._refused_seconds = 0.0  # when the newest of them came
        self._failing = frozenset[Reason]()  # why polls of the newest round failed
        self._log = structlog.get_logger().bind(account=account.name)
        self._pulse = Pulse()

    @property
    def beat_seconds(self) -> float | None:
        """On the event loop's clock; None before the loop has begun."""
        return self._pulse.beat_seconds

    async def run(self) -> None:
        """Rounds without end, the first when it is called (see Crew). What a round meets is recorded, never raised."""
        loop = asyncio.get_running_loop()
        spread_seconds, bugs = 0.0, 0
        while True:
            began_at, began_seconds = self._now(), loop.time()
            try:
                met_bug = await self.round(spread_seconds=spread_seconds)
            except Exception as error:  # noqa: BLE001 - a bug in a round must not end the polling
                self._bug(error)
                met_bug = True
            bugs = bugs + 1 if met_bug else 0
            wait = wait_between_rounds(began_at, self._account.poll.interval, offset=self._offset)
            wait += wait_after_bugs(bugs)
            await self._pulse.until(began_seconds + wait.total_seconds())
            await self._until_unblocked()
            spread_seconds = self._account.poll.interval.total_seconds()

    def unblock(self) -> None:
        """Forget that upstream wanted to be left alone, as its operator has come to mend things."""
        self._blocked_until_seconds, self._blocked_by, self._refusals = 0.0, None, 0
        self._limiter.ease()
        self._store.record_block(self._account.name, None)

    async def prepare(self) -> None:
        """Read what every request needs. Raises PollError when it cannot be had."""
        await self._upstream.prepare()

    async def aclose(self) -> None:
        await self._upstream.aclose()

    async def round(self, *, spread_seconds: float = 0.0) -> bool:
        """One pass; Get Task polls are spread evenly over `spread_seconds`. Gives whether one of them met a bug."""
        began_seconds = asyncio.get_running_loop().time()
        told = _Round()
        try:
            await self._poll_all(told, spread_seconds)
        except Exception:
            self._store.record_round(self._account.name)
            raise
        # Not one that was cancelled, as by a reload: it has not come to an end.
        self._store.record_round(self._account.name)
        self._tell(told, seconds=asyncio.get_running_loop().time() - began_seconds)
        return told.met_bug

    async def _poll_all(self, told: _Round, spread_seconds: float) -> None:
        if self._account.tasks == "all" or self._account.fetch == "list":
            await self._poll_list(told)
        else:
            await self._poll_each(self._account.tasks, spread_seconds, told)

    async def _poll_list(self, told: _Round) -> None:
        selection = Selection(wanted=self._wanted, own=self._owns, most=self._account.poll.max_tasks)
        answer = await self._ask(lambda: self._upstream.list_tasks(selection), told)
        if answer is None:
            return
        found = answer.value
        told.tasks, told.unreadable, told.dropped = len(found.tasks), found.unreadable, found.dropped
        ahead = self._store.look_ahead(self._account.name, found.tasks, fetched_at=answer.fetched_at)
        drafts = dict(await self._pulse.through(ahead))
        self._store.record_list(
            self._account.name,
            found.tasks,
            fetched_at=answer.fetched_at,
            seconds=answer.fetched_seconds,
            dropped=found.dropped,
            unreadable=found.unreadable,
            drafts=drafts,
        )

    def _wanted(self, task_id: str) -> bool:
        return task_id not in self._account.exclude and (self._listed is None or task_id in self._listed)

    def _owns(self, task_id: str) -> bool:
        return owns(self._shard, self._account.name, task_id)

    async def _poll_each(self, ids: Sequence[str], spread_seconds: float, told: _Round) -> None:
        """Each id once, over a fixed set of workers; the round ends when all are answered, so none overlaps itself."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(WORKERS, len(ids))):
                group.create_task(self._work(queue, told))
            began_seconds = asyncio.get_running_loop().time()
            for index, task_id in enumerate(ids):
                await self._pulse.until(began_seconds + index * spread_seconds / len(ids))
                queue.put_nowait(task_id)
            for _ in range(min(WORKERS, len(ids))):
                queue.put_nowait(None)

    async def _work(self, queue: asyncio.Queue[str | None], told: _Round) -> None:
        while (task_id := await queue.get()) is not None:
            try:
                await self._poll_task(task_id, told)
            except Exception as error:  # noqa: BLE001 - a bug in one poll must not cost the others
                self._bug(error)
                told.met_bug = True

    async def _poll_task(self, task_id: str, told: _Round) -> None:
        answer = await self._ask(lambda: self._upstream.get_task(task_id), told, task_id=task_id)
        if answer is not None:
            told.tasks += 1
            self._store.record_task(
                self._account.name, answer.value, fetched_at=answer.fetched_at, seconds=answer.fetched_seconds
            )

    async def _ask(
        self, fetch: Callable[[], Awaitable[Fetched[Value]]], told: _Round, *, task_id: str | None = None
    ) -> Fetched[Value] | None:
        """The answer, or None when there is none: then the failure is recorded. Nothing is asked while blocked."""
        self._retries.count_poll()
        attempt, failed = 1, None
        while (began_seconds := await self._until_allowed()) is not None:
            answer = await self._outcome(fetch)
            if not isinstance(answer, PollError):
                self._refusals = 0
                return answer
            self._log.debug("Attempt failed", task_id=task_id, attempt=attempt, reason=answer.reason.value)
            failed = answer, began_seconds
            pause = self._retries.pause(answer, attempt=attempt, luck=self._random())
            if pause is None:
                break
            attempt += 1
            await self._pulse.until(asyncio.get_running_loop().time() + pause.total_seconds())
        if failed is not None:
            self._failed(*failed, told, task_id)
        return None

    async def _outcome(self, fetch: Callable[[], Awaitable[Fetched[Value]]]) -> Fetched[Value] | PollError:
        try:
            with self._pulse.during(self._account.api.timeout.total_seconds()):
                return await fetch()
        except PollError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug in one fetch must not cost the others
            self._bug(error)
            return PollError(Reason.INTERNAL, type(error).__name__)

    def _failed(self, error: PollError, began_seconds: float, told: _Round, task_id: str | None) -> None:
        told.failures[error.reason] += 1
        told.detail, told.failed_id = error.detail, told.failed_id or task_id
        self._store.record_failure(self._account.name, error.reason, detail=error.detail, task_id=task_id)
        self._log.debug("Poll failed", task_id=task_id, reason=error.reason.value, detail=error.detail or None)
        if error.reason is not Reason.HTTP_404 or task_id is None:
            # A 404 for one id tells of that id alone, whatever its Retry-After.
            self._keep_still(error, began_seconds, told)

    def _keep_still(self, error: PollError, began_seconds: float, told: _Round) -> None:
        """As long as this failure of the account asks for, if it does."""
        now_seconds = asyncio.get_running_loop().time()
        if error.reason in _REFUSALS and began_seconds >= self._refused_seconds:
            # Of requests that were under way together, one refusal counts.
            self._refusals += 1
            self._refused_seconds = now_seconds
            if error.reason is Reason.HTTP_429:
                self._limiter.tighten(now_seconds)
        pause = pause_after(error.reason, asked=error.blocked_for, refusals=self._refusals, luck=self._random())
        if pause is not None and now_seconds + pause.total_seconds() > self._blocked_until_seconds:
            self._blocked_until_seconds, self._blocked_by = now_seconds + pause.total_seconds(), error.reason
            until_at = self._now() + pause
            told.next_request = f"{until_at:%Y-%m-%dT%H:%M:%SZ}"
            self._store.record_block(self._account.name, until_at)

    def _bug(self, error: Exception) -> None:
        self._store.record_internal_error("poll")
        self._log.error("Internal error", where="poll", error=error)

    def _tell(self, told: _Round, *, seconds: float) -> None:
        """One line for a round, with its facts: a warning when it fails for another reason than the one before it."""
        known, self._failing = self._failing, frozenset(told.failures)
        (self._log.warning if self._failing - known else self._log.info)(
            "Polled",
            fetch=self._account.fetch,
            tasks=told.tasks,
            unreadable=told.unreadable or None,
            dropped=told.dropped or None,
            failed=told.failures.total() or None,
            reason=",".join(sorted(told.failures)) or None,
            detail=told.detail or None,
            task_id=told.failed_id,
            next_request=told.next_request,
            seconds=round(seconds, 3),
        )

    async def _until_allowed(self) -> float | None:
        """When the next request may be sent, which is now; None while blocked."""
        if self._is_blocked():
            return None
        at_seconds = self._limiter.take(asyncio.get_running_loop().time())
        try:
            await self._pulse.until(at_seconds)
        except asyncio.CancelledError:
            self._limiter.give_back(at_seconds)
            raise
        if self._is_blocked():
            self._limiter.give_back(at_seconds)
            return None
        return asyncio.get_running_loop().time()

    def _is_blocked(self) -> bool:
        return asyncio.get_running_loop().time() < self._blocked_until_seconds

    async def _until_unblocked(self) -> None:
        """In short sleeps, as the block may be lifted meanwhile: by a reload, or by another key after a 401."""
        while self._is_blocked():
            if self._blocked_by is Reason.HTTP_401 and self._upstream.key_renewed():
                self.unblock()
            now_seconds = asyncio.get_running_loop().time()
            await self._pulse.until(min(self._blocked_until_seconds, now_seconds + _LOOK_SECONDS))
