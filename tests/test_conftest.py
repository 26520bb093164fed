from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = """
    import pytest

    @pytest.fixture(scope="session")
    def prometheus(component):
        return component("prometheus")

    @pytest.mark.parametrize("number", [1, 2])
    def test_needs_it(prometheus, number):
        assert prometheus.read_text() == "program"
"""


@pytest.fixture
def house(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of two tests that need Prometheus, under our own conftest."""
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("CI", raising=False)
    return pytester


def record(house: pytest.Pytester, kind: str, text: str) -> None:
    path = house.path / ".tools" / kind / "prometheus"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_fetched_component_is_handed_over(house: pytest.Pytester) -> None:
    """A test gets the program that make fetched."""
    record(house, "bin", "program")

    house.runpytest().assert_outcomes(passed=2)


def test_a_missing_component_skips_and_is_counted(house: pytest.Pytester) -> None:
    """On a developer's machine tests without their component are skipped, told with the recorded reason."""
    record(house, "missing", "E: no route\n")

    result = house.runpytest()

    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["component missing: prometheus (E: no route), 2 tests not run"])
    assert result.ret == pytest.ExitCode.OK


def test_a_missing_component_fails_in_ci(house: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI never passes on tests that it did not run."""
    monkeypatch.setenv("CI", "true")

    result = house.runpytest()

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["component missing: prometheus (not fetched: run make test), 2 tests not run"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_what_a_modules_fixture_does_to_logging_ends_with_the_module(pytester: pytest.Pytester) -> None:
    """A fixture of a module runs before any test of it: the next module's tests log as if alone."""
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    silences = """
        import logging, pytest

        @pytest.fixture(scope="module")
        def silenced():
            logging.getLogger("httpcore").setLevel(logging.CRITICAL)

        def test_first(silenced): ...
    """
    listens = "import logging\ndef test_second(): assert logging.getLogger('httpcore').level == logging.NOTSET"
    pytester.makepyfile(test_a=silences, test_b=listens)
    pytester.runpytest().assert_outcomes(passed=2)
