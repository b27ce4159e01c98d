"""Settings that every test shares."""

import pytest
from hypothesis import settings

from tests.abandoned import remove_abandoned
from tests.streams import pytest_xdist_make_scheduler
from wdrip.leaving import leave

__all__ = ["pytest_xdist_make_scheduler"]

# A test run shares its processors with real machines: how long one example takes says nothing.
settings.register_profile("wdrip", deadline=None)
settings.load_profile("wdrip")


_outcome = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the run ended."""
    session.config.stash[_outcome] = exitstatus


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """All is said: end as the programs do whose client of Temporal this process has used, see `leave`."""
    if not hasattr(config, "workerinput") and _outcome in config.stash:
        leave(config.stash[_outcome])


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before the first test: what a killed run left would hold memory, ports and mounts for ever."""
    # pytest-xdist's workers leave it to the process that starts them.
    if not hasattr(session.config, "workerinput"):
        remove_abandoned()
