"""The conformance suite of the auth seam.

```python
class TestMine(AuthConformance):
    provider = provider_named(Seam.AUTH, "mine")

    @pytest.fixture
    def settings(self, tmp_path): ...  # as in the configuration file

    @pytest.fixture
    def known(self): ...  # a KnownUser; only where the backend does not create users
```

Two fixtures more switch tests on: ``outage``, which gives a context manager that makes the source
unreachable, and ``disabled``, which gives somebody who may not log in. ``spellings`` gives other
spellings of the known user's name.
"""

from __future__ import annotations

from jobyard.testing.auth_administration import AdministrationRules
from jobyard.testing.auth_listing import ListingRules
from jobyard.testing.auth_logins import LogInRules
from jobyard.testing.auth_names import NameRules
from jobyard.testing.auth_operation import OperationRules
from jobyard.testing.auth_suite import KnownUser

__all__ = ["AuthConformance", "KnownUser"]


class AuthConformance(LogInRules, NameRules, ListingRules, AdministrationRules, OperationRules):
    """Hold an auth backend against its seam, point by point."""
