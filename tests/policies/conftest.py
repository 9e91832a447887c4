"""Settings of the property-based tests here."""

from hypothesis import settings

# the first example waits for the compiler; and what passed once passes again
settings.register_profile("policies", deadline=None, derandomize=True)
settings.load_profile("policies")
