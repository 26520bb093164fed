"""The routes: who is asked for what, and the answer with its headers. Nothing here waits on upstream."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from exporter.web import exposition, listing, pages, task_page
from exporter.web.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry, Metric
    from starlette.requests import Request
    from starlette.types import Scope

    from exporter.explain import Explanation
    from exporter.model import Report, TaskReport

    Endpoint = Callable[[Request], Awaitable[Response]]

FIXED_PATHS = ("/-/healthy", "/-/ready", "/api/v1/tasks")
_OF_TASKS = ("/tasks/", "/api/v1/tasks/")
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_TELEMETRY_PATH = re.compile(r"/|(/[A-Za-z0-9._~-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the web shows and asks. Each is called in the event loop, and must not wait.

    `on_error` is told "scrape" or "page" while the exception that was caught is being handled.
    `ready` gives the answer and, when it is no, what is awaited. Raises ValueError for a telemetry path
    that is not plain, or is another route's.
    """

    report: Callable[[], Report]
    explain: Callable[[Report, TaskReport], Explanation]
    registry: CollectorRegistry
    healthy: Callable[[], bool]
    ready: Callable[[], tuple[bool, str]]
    version: str
    on_error: Callable[[str], None]
    telemetry_path: str = "/metrics"

    def __post_init__(self) -> None:
        path = self.telemetry_path
        if not _TELEMETRY_PATH.fullmatch(path) or path in FIXED_PATHS or path.startswith(_OF_TASKS):
            raise ValueError(f"telemetry path {path!r}: expected a plain path of its own, such as /metrics")


class ExactRoute(Route):
    """A route that matches its path and nothing else; Starlette's pattern lets a newline follow."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if str(scope.get("path", "")).endswith("\n"):
            return Match.NONE, {}
        return super().matches(scope)


def build_web(sources: Sources) -> Starlette:
    """The whole web of the exporter as one ASGI application."""
    web = _Web(sources)
    endpoints: dict[str, Endpoint] = {
        sources.telemetry_path: web.metrics,
        "/-/healthy": _guarded(web.healthy, sources.on_error),
        "/-/ready": _guarded(web.ready, sources.on_error),
        "/api/v1/tasks": _guarded(web.tasks, sources.on_error),
        "/api/v1/tasks/{account}/{task_id}": _guarded(web.task_json, sources.on_error),
        "/tasks/{account}/{task_id}": _guarded(web.task_page, sources.on_error),
    }
    endpoints.setdefault("/", _guarded(web.status, sources.on_error))
    app = Starlette(
        routes=[ExactRoute(path, endpoint) for path, endpoint in endpoints.items()],
        exception_handlers={HTTPException: _refuse},
    )
    app.router.redirect_slashes = False
    return app


async def _refuse(_request: Request, error: Exception) -> Response:
    """404 and 405 in fixed words: nothing of the request comes back."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    headers = dict(HEADERS)
    for allowed in (error.headers or {}).values():
        headers["Allow"] = ", ".join(sorted(allowed.split(", ")))
    return PlainTextResponse(error.detail, error.status_code, headers)


def _guarded(endpoint: Endpoint, on_error: Callable[[str], None]) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception:  # noqa: BLE001 - the top of a request: a bug is counted, told, and ends here
            on_error("page")
            return PlainTextResponse("Internal error; the exporter's log says more.", 500, HEADERS)

    return answer


class _Web:
    """The endpoints, over one set of sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._shared = Shared(self._moment)
        self._page = pages.StatusPage(version=sources.version, telemetry_path=sources.telemetry_path)
        self._task_page = task_page.TaskPage(version=sources.version, telemetry_path=sources.telemetry_path)

    async def metrics(self, request: Request) -> Response:
        """The exposition; never an error, whatever is asked."""
        form = exposition.choose_format(",".join(request.headers.getlist("accept")))
        packed = _wants_gzip(request)
        names = frozenset(request.query_params.getlist("name[]"))
        body = await self._shared.get(
            ("metrics", form, packed, names), partial(self._scrape, form, packed=packed, names=names)
        )
        return _answer(body, form.content_type, packed=packed, vary="Accept, Accept-Encoding")

    async def status(self, request: Request) -> Response:
        """The status page, which asks to be loaded again unless `?refresh=off`."""
        packed, refreshes = _wants_gzip(request), request.query_params.get("refresh") != "off"
        render = partial(self._page.render, refreshes=refreshes)
        body = await self._shared.get(("page", refreshes, packed), partial(self._show, render, packed=packed))
        response = _answer(body, "text/html; charset=utf-8", packed=packed)
        response.headers.update(self._page.headers(refreshes=refreshes))
        return response

    async def tasks(self, request: Request) -> Response:
        packed = _wants_gzip(request)
        body = await self._shared.get(("tasks", packed), partial(self._show, listing.render, packed=packed))
        return _answer(body, "application/json", packed=packed)

    async def task_page(self, request: Request) -> Response:
        """One task explained; 404 where there is none."""
        response = await self._task(request, self._task_page.render, "text/html; charset=utf-8")
        if response.status_code == HTTPStatus.OK:
            response.headers.update(self._task_page.headers())
        return response

    async def task_json(self, request: Request) -> Response:
        return await self._task(request, listing.render_explained, "application/json")

    async def _task(self, request: Request, render: Callable[[Explanation], bytes], content_type: str) -> Response:
        report, packed = self._sources.report(), _wants_gzip(request)
        asked = (request.path_params["account"], request.path_params["task_id"])
        known = next((task for task in report.tasks if (task.account, task.task_id) == asked), None)
        if known is None:
            return PlainTextResponse("Not Found", 404, HEADERS)
        show = partial(self._tell, report, known, render, packed=packed)
        body = await self._shared.get((content_type, *asked, packed), show)
        return _answer(body, content_type, packed=packed)

    async def healthy(self, _request: Request) -> Response:
        """Liveness: that we work, not that upstream does."""
        if self._sources.healthy():
            return PlainTextResponse("Healthy", 200, HEADERS)
        return PlainTextResponse("Unhealthy: a poll loop has stopped", 503, HEADERS)

    async def ready(self, _request: Request) -> Response:
        ready, awaited = self._sources.ready()
        return PlainTextResponse("Ready" if ready else awaited, 200 if ready else 503, HEADERS)

    def _moment(self) -> Report | None:
        """An equal report means the same second and no news: one rendering serves."""
        try:
            return self._sources.report()
        except Exception:  # noqa: BLE001 - without a report there may still be other collectors' families
            self._sources.on_error("scrape")
            return None

    async def _scrape(self, form: exposition.Format, *, packed: bool, names: frozenset[str]) -> bytes:
        families = self._collect(names)
        try:
            body = await self._shared.in_thread(exposition.encode, families, form)
        except Exception:  # noqa: BLE001 - one bad family must not cost the others
            self._sources.on_error("scrape")
            body = await self._shared.in_thread(exposition.encode_sound, families, form)
        return await self._shared.in_thread(exposition.compress, body) if packed else body

    def _collect(self, names: frozenset[str]) -> list[Metric]:
        families: list[Metric] = []
        try:
            families.extend(exposition.choose_families(self._sources.registry, names))
        except Exception:  # noqa: BLE001 - what came before the collector that raised is served
            self._sources.on_error("scrape")
        return families

    async def _show(self, render: Callable[[Report], bytes], *, packed: bool) -> bytes:
        return await self._packed(await self._shared.in_thread(render, self._sources.report()), packed=packed)

    async def _tell(
        self, report: Report, known: TaskReport, render: Callable[[Explanation], bytes], *, packed: bool
    ) -> bytes:
        # Explained here, in the event loop: the schedules have a memory that no two threads may share.
        explanation = self._sources.explain(report, known)
        return await self._packed(await self._shared.in_thread(render, explanation), packed=packed)

    async def _packed(self, body: bytes, *, packed: bool) -> bytes:
        return await self._shared.in_thread(exposition.compress, body) if packed else body


def _wants_gzip(request: Request) -> bool:
    return exposition.accepts_gzip(",".join(request.headers.getlist("accept-encoding")))


def _answer(body: bytes, content_type: str, *, packed: bool, vary: str = "Accept-Encoding") -> Response:
    # Content-Type goes in by hand: Starlette would add a charset of its own to the text types.
    headers = {**HEADERS, "Content-Type": content_type, "Vary": vary}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers)
