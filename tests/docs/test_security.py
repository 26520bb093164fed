"""SECURITY.md keeps what it says of known vulnerabilities."""

from __future__ import annotations

import re

import pytest

from documents import read, section

IGNORED = re.compile(r"--ignore-vuln[ =]+([\w-]+)")
NONE = "None is listed here today."


def unexplained(scripts: str, reporting: str) -> set[str]:
    """The vulnerabilities that an audit passes over and nobody has explained; also where one is, and none is said to be."""
    ignored = set(IGNORED.findall(scripts))
    return {name for name in ignored if name not in reporting or NONE in reporting}


@pytest.mark.parametrize(
    ("scripts", "reporting", "expected"),
    [
        ("pip-audit --strict", NONE, set()),
        ("pip-audit --ignore-vuln PYSEC-2026-1", NONE, {"PYSEC-2026-1"}),
        ("pip-audit --ignore-vuln=PYSEC-2026-1", f"PYSEC-2026-1 is never reached. {NONE}", {"PYSEC-2026-1"}),
        ("pip-audit --ignore-vuln=PYSEC-2026-1", "PYSEC-2026-1 is never reached.", set()),
    ],
)
def test_what_nobody_explains_would_be_found(scripts: str, reporting: str, expected: set[str]) -> None:
    """Whatever is passed over must be named, and then there is one."""
    assert expected == unexplained(scripts, reporting)


def test_what_an_audit_passes_over_is_explained() -> None:
    """Nothing that is known is left out of `make audit` without a word of why, and the days that we aim at are said."""
    scripts = "".join(read(name) for name in ("Makefile", "tools/audit.sh", ".ci/run"))
    reporting = " ".join(section("SECURITY.md", "Reporting").split())
    assert set() == unexplained(scripts, reporting)
    assert (
        "within 7 days of a vulnerability becoming known in a dependency to release a fix, or to write here why"
        in reporting
    )
