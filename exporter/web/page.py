"""What all pages have in common: template, style, and what a browser may do with them."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


class Page:
    """A page from its template. The style is inline, and let through by its hash alone."""

    def __init__(self, template: str, *, has_form: bool = False, **fixed: object) -> None:
        loader = PackageLoader("exporter.web")
        env = Environment(
            loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
        )
        style = loader.get_source(env, "style.css")[0]
        self._policy = _content_policy(style, form_action="'self'" if has_form else "'none'")
        self._template = env.get_template(template)
        self._fixed = {"style": Markup(style), **fixed}  # noqa: S704 - our own file, without a word from outside

    def headers(self) -> dict[str, str]:
        """What a browser may do with the page."""
        return {"Content-Security-Policy": self._policy, "Referrer-Policy": "no-referrer"}

    def fill(self, **values: object) -> bytes:
        return self._template.render(self._fixed, **values).encode("utf-8", "replace")


def _content_policy(style: str, *, form_action: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        f"base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    )
