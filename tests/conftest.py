"""Settings that every test shares."""

import pytest
from hypothesis import settings

from tests.abandoned import remove_abandoned

# A test run shares its processors with real machines: how long one example takes says nothing.
settings.register_profile("wdrip", deadline=None)
settings.load_profile("wdrip")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before the first test: what a killed run left would hold memory, ports and mounts for ever."""
    # pytest-xdist's workers leave it to the process that starts them.
    if not hasattr(session.config, "workerinput"):
        remove_abandoned()
