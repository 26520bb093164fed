"""What we show over HTTP: the exposition, the pages, the JSON, the probes, and the server that carries them."""

from __future__ import annotations

from exporter.web.app import Sources, build_web
from exporter.web.server import Server
from exporter.web.sockets import ListenError, bind

__all__ = ["ListenError", "Server", "Sources", "bind", "build_web"]
