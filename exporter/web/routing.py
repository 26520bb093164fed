"""How routes are matched, refused and guarded, and the way to them from outside their prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from exporter.metrics import Refusal
from exporter.web.shared import CrowdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    Endpoint = Callable[[Request], Awaitable[Response]]

# On every answer. A page has a policy of its own in the place of this one.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class ExactRoute(Route):
    """A route that matches its path and nothing else; Starlette's pattern lets a newline follow.

    `refusal` is what a wrong method is told.
    """

    def __init__(
        self, path: str, endpoint: Endpoint, *, methods: Sequence[str] = ("GET",), refusal: str = "Method Not Allowed"
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self._refusal = refusal

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if str(scope.get("path", "")).endswith("\n"):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = self.methods or set()
        if scope["method"] not in allowed:
            raise HTTPException(405, self._refusal, {"Allow": ", ".join(sorted(allowed))})
        await super().handle(scope, receive, send)


async def refuse(_request: Request, error: Exception) -> Response:
    """404 and 405 in fixed words: nothing of the request comes back."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    return PlainTextResponse(f"{error.detail}\n", error.status_code, {**HEADERS, **(error.headers or {})})


def guarded(
    endpoint: Endpoint,
    *,
    on_error: Callable[[str], None],
    on_refused: Callable[[Refusal], object],
    where: str = "page",
    failing: Mapping[str, str] | None = None,
) -> Endpoint:
    """An endpoint whose bugs end here: counted and told as `where`, and answered with a plain 500.

    What has to wait for others is a 503, and no bug. Both answers have the headers of `failing` besides.
    """
    headers = {**HEADERS, **(failing or {})}

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CrowdError:
            on_refused(Refusal.CROWD)
            return PlainTextResponse("Too much is asked for at once", 503, {**headers, "Retry-After": "1"})
        except Exception:  # noqa: BLE001 - the top of a request
            on_error(where)
            return PlainTextResponse("Internal error; the exporter's log says more.", 500, headers)

    return answer


def ways_home(prefix: str, external_url: str) -> Iterator[Route]:
    """From the root, and from a prefix that lacks its slash, to the status page; no way is needed without a prefix.

    Without an external URL they are relative, and so hold behind a proxy that we know nothing of.
    """
    ways = {"/": f"{prefix}/".lstrip("/"), prefix: f"{prefix.rpartition('/')[2]}/"} if prefix else {}
    for path, way in ways.items():
        yield ExactRoute(path, _redirect(f"{external_url}/" if external_url else way))


def _redirect(location: str) -> Endpoint:
    async def answer(_request: Request) -> Response:
        return Response(status_code=302, headers={**HEADERS, "Location": location})

    return answer
