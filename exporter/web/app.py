"""The routes: who is asked for what, and the answer with its headers. Nothing here waits on upstream."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from exporter.web import exposition, listing, pages, task_page
from exporter.web.choice import choose
from exporter.web.places import is_plain
from exporter.web.routing import HEADERS, ExactRoute, guarded, refuse, ways_home
from exporter.web.shared import Shared, one_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from prometheus_client import Metric
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from exporter.explain import Explanation
    from exporter.metrics import Refusal, Registry
    from exporter.model import Report, TaskReport
    from exporter.web.routing import Endpoint
    from exporter.web.shared import Loans

FIXED_PATHS = ("/-/healthy", "/-/ready", "/-/reload", "/api/v1/tasks", "/config")
_OF_TASKS = ("/tasks/", "/api/v1/tasks/")
# A browser sends them, whoever made it send a POST. No page of ours does.
_BY_BROWSERS = frozenset({"origin", "sec-fetch-site"})
_MOST_SHOWN_BYTES = 4 * 1024 * 1024  # of pages of clients' own choice
_NEEDS_POST = "This endpoint requires a POST request."  # blackbox_exporter's words, as are those of a failed reload


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the web shows and asks. Each is called in the event loop, and must not wait.

    `on_error` is told "scrape", "page" or "reload" while the exception that was caught is being handled; `on_refused`
    hears of each request that is turned away.
    `ready` gives the answer and, when it is no, what is awaited. `config` is the configuration in effect;
    `config_text`, called in a thread, writes it as YAML without its secrets. `reload` waits for its reload and gives
    the reason why it failed, empty when it did not; None where reloading over HTTP is not allowed. `route_prefix` and
    `external_url` are those of a `Place`.
    Raises ValueError for a telemetry path that is not plain, or is another route's.
    """

    report: Callable[[], Report]
    explain: Callable[[Report, TaskReport], Explanation]
    registry: Registry
    healthy: Callable[[], bool]
    ready: Callable[[], tuple[bool, str]]
    version: str
    on_error: Callable[[str], None]
    telemetry_path: str = "/metrics"
    on_refused: Callable[[Refusal], object] = lambda _: None
    config: Callable[[], object] = lambda: None
    config_text: Callable[[Any], str] = str
    reload: Callable[[], Awaitable[str]] | None = None
    route_prefix: str = ""
    external_url: str = ""

    def __post_init__(self) -> None:
        path = self.telemetry_path
        if (path != "/" and not is_plain(path)) or path in FIXED_PATHS or path.startswith(_OF_TASKS):
            raise ValueError(f"telemetry path {path!r}: expected a plain path of its own, such as /metrics")


def build_web(sources: Sources) -> Starlette:
    """The whole web of the exporter as one ASGI application."""
    app = Starlette(
        routes=[*_routes(sources), *ways_home(sources.route_prefix, sources.external_url)],
        exception_handlers={HTTPException: refuse},
    )
    app.router.redirect_slashes = False
    return app


def _routes(sources: Sources) -> Iterator[ExactRoute]:
    web, prefix = _Web(sources), sources.route_prefix
    guard = partial(guarded, on_error=sources.on_error, on_refused=sources.on_refused)
    yield ExactRoute(prefix + sources.telemetry_path, guard(web.metrics, where="scrape"))
    endpoints: dict[str, Endpoint] = {
        "/": web.status,
        "/-/healthy": web.healthy,
        "/-/ready": web.ready,
        "/config": web.config,
        "/api/v1/tasks": web.tasks,
        "/api/v1/tasks/{account}/{task_id}": web.task_json,
        "/tasks/{account}/{task_id}": web.task_page,
    }
    for path, endpoint in endpoints.items():
        if path != sources.telemetry_path:
            yield ExactRoute(prefix + path, guard(endpoint, failing=pages.AGAIN if path == "/" else None))
    reload = guard(web.reload, where="reload")
    yield ExactRoute(f"{prefix}/-/reload", reload, methods=("POST", "PUT"), refusal=_NEEDS_POST)


class _Web:
    """The endpoints, over one set of sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        pool = one_thread()
        # Each for itself: whoever chooses among tasks takes nothing from a Prometheus that chooses among names.
        self._exposed = Shared(self._moment, pool=pool)
        self._shown = Shared(self._moment, pool=pool, most_bytes=_MOST_SHOWN_BYTES)
        self._configured = Shared(sources.config, pool=pool)  # of which there is one rendering until it is another
        shown = {
            "version": sources.version,
            "telemetry_path": sources.telemetry_path,
            "external_url": sources.external_url,
        }
        self._page = pages.StatusPage(**shown)
        self._task_page = task_page.TaskPage(**shown)
        self._missing_page = task_page.MissingPage(version=sources.version, telemetry_path=sources.telemetry_path)

    async def metrics(self, request: Request) -> Response:
        """The exposition; never an error, unless many choose different names, or are slow to take what they chose."""
        form = exposition.choose_format(",".join(request.headers.getlist("accept")))
        packed = _wants_gzip(request)
        asked = request.query_params.getlist("name[]")
        # What no series is called makes no other answer.
        names = self._sources.registry.names.intersection(asked) if asked else None
        render = partial(self._scrape, form, packed=packed, names=names)
        key = ("metrics", form.openmetrics, packed, names)
        body = await self._exposed.get(key, render, is_chosen=names is not None)
        vary, loans = "Accept, Accept-Encoding", None if names is None else self._exposed.loans
        return _answer(body, form.content_type, packed=packed, vary=vary, loans=loans)

    async def status(self, request: Request) -> Response:
        """The status page, of all tasks or of some, which asks to be loaded again unless `?refresh=off`."""
        packed, choice = _wants_gzip(request), choose(request.query_params)
        show = partial(self._show, partial(self._page.render, choice=choice), packed=packed)
        body = await self._shown.get(("page", choice, packed), show, is_chosen=choice.is_own)
        loans = self._shown.loans if choice.is_own else None
        response = _answer(body, "text/html; charset=utf-8", packed=packed, loans=loans)
        response.headers.update(self._page.headers(refreshes=choice.refreshes))
        return response

    async def tasks(self, request: Request) -> Response:
        packed = _wants_gzip(request)
        body = await self._shown.get(("tasks", packed), partial(self._show, listing.render, packed=packed))
        return _answer(body, "application/json", packed=packed)

    async def task_page(self, request: Request) -> Response:
        """One task explained; 404 and why where there is none."""
        response = await self._task(request, self._task_page.render, "text/html; charset=utf-8", self._missing)
        if response.status_code == HTTPStatus.OK:
            response.headers.update(self._task_page.headers())
        return response

    async def task_json(self, request: Request) -> Response:
        return await self._task(request, listing.render_explained, "application/json", partial(_say, status=404))

    def _missing(self, why: str) -> Response:
        headers = {**HEADERS, **self._missing_page.headers(), "Content-Type": "text/html; charset=utf-8"}
        return Response(self._missing_page.render(why), 404, headers)

    async def _task(
        self,
        request: Request,
        render: Callable[[Explanation], bytes],
        content_type: str,
        missing: Callable[[str], Response],
    ) -> Response:
        report, packed = self._sources.report(), _wants_gzip(request)
        asked = (request.path_params["account"], request.path_params["task_id"])
        known = next((task for task in report.tasks if (task.account, task.task_id) == asked), None)
        if known is None:
            return missing(task_page.why_missing(report, asked[0]))
        show = partial(self._tell, report, known, render, packed=packed)
        body = await self._shown.get((content_type, *asked, packed), show, is_chosen=True)
        return _answer(body, content_type, packed=packed, loans=self._shown.loans)

    async def healthy(self, _request: Request) -> Response:
        """Liveness: that we work, not that upstream does."""
        if self._sources.healthy():
            return PlainTextResponse("Healthy", 200, HEADERS)
        return PlainTextResponse("Unhealthy: a poll loop has stopped", 503, HEADERS)

    async def ready(self, _request: Request) -> Response:
        ready, awaited = self._sources.ready()
        return PlainTextResponse("Ready" if ready else awaited, 200 if ready else 503, HEADERS)

    async def config(self, _request: Request) -> Response:
        """The configuration in effect."""
        render = partial(self._write_config, self._sources.config())
        body = await self._configured.get("config", render)
        return Response(body, headers={**HEADERS, "Content-Type": "text/plain; charset=utf-8"})

    async def reload(self, request: Request) -> Response:
        """Answers when the configuration has been reloaded, or could not be."""
        if self._sources.reload is None:
            return _say("Lifecycle API is not enabled.", status=403)
        if not _BY_BROWSERS.isdisjoint(request.headers):
            return _say("Reloading is not for browsers.", status=403)
        reason = await self._sources.reload()
        return _say(f"failed to reload config: {reason}", status=500) if reason else Response(headers=HEADERS)

    async def _write_config(self, config: object) -> bytes:
        text = await self._shown.in_thread(self._sources.config_text, config)
        return text.encode("utf-8", "replace")

    def _moment(self) -> Report | None:
        """An equal report means the same second and no news: one rendering serves."""
        try:
            report = self._sources.report()
        except Exception:  # noqa: BLE001 - whoever renders it meets that again, and tells
            report = None
        for each in (self._exposed, self._shown):
            each.let_go(report)
        return report

    async def _scrape(self, form: exposition.Format, *, packed: bool, names: frozenset[str] | None) -> bytes:
        families: list[Metric] = []
        try:
            reading = self._sources.registry.collect(names)
            await self._exposed.in_thread(families.extend, reading)
        except Exception:  # noqa: BLE001 - what came before the collector that raised is served
            self._sources.on_error("scrape")
        try:
            body = await self._exposed.in_thread(exposition.encode, families, form)
        except Exception:  # noqa: BLE001 - one bad family must not cost the others
            self._sources.on_error("scrape")
            body = await self._exposed.in_thread(exposition.encode_sound, families, form)
        return await self._packed(body, packed=packed)

    async def _show(self, render: Callable[[Report], bytes], *, packed: bool) -> bytes:
        return await self._packed(await self._shown.in_thread(render, self._sources.report()), packed=packed)

    async def _tell(
        self, report: Report, known: TaskReport, render: Callable[[Explanation], bytes], *, packed: bool
    ) -> bytes:
        # Explained here, in the event loop, which alone changes the facts that are read.
        explanation = self._sources.explain(report, known)
        return await self._packed(await self._shown.in_thread(render, explanation), packed=packed)

    async def _packed(self, body: bytes, *, packed: bool) -> bytes:
        return await self._shown.in_thread(exposition.compress, body) if packed else body


def _say(text: str, *, status: int) -> Response:
    """A line for whoever asks in a shell."""
    return PlainTextResponse(f"{text}\n", status, HEADERS)


def _wants_gzip(request: Request) -> bool:
    return exposition.accepts_gzip(",".join(request.headers.getlist("accept-encoding")))


def _answer(
    body: bytes, content_type: str, *, packed: bool, vary: str = "Accept-Encoding", loans: Loans | None = None
) -> Response:
    # Content-Type goes in by hand: Starlette would add a charset of its own to the text types.
    headers = {**HEADERS, "Content-Type": content_type, "Vary": vary}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers) if loans is None else _Lent(body, headers, loans)


class _Lent(Response):
    """An answer of the client's own choice, on loan until it has been taken. Raises CrowdError."""

    def __init__(self, body: bytes, headers: dict[str, str], loans: Loans) -> None:
        super().__init__(body, headers=headers)
        loans.take(body)
        self._loans, self._lent = loans, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._loans.give_back(self._lent)
