"""Settings that every test shares."""

from hypothesis import settings

# A test run shares its processors with real machines: how long one example takes says nothing.
settings.register_profile("wdrip", deadline=None)
settings.load_profile("wdrip")
