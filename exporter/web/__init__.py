"""What we show over HTTP: the exposition, the pages, the JSON, the probes, and the server that carries them."""

from __future__ import annotations

from exporter.web.app import Sources, build_web
from exporter.web.limits import Limits
from exporter.web.pem import TlsError
from exporter.web.places import Place, locate
from exporter.web.server import Server
from exporter.web.sockets import ListenError, bind, from_systemd
from exporter.web.tls import build_context
from exporter.web.web_file import WebFile

__all__ = [
    "Limits",
    "ListenError",
    "Place",
    "Server",
    "Sources",
    "TlsError",
    "WebFile",
    "bind",
    "build_context",
    "build_web",
    "from_systemd",
    "locate",
]
