"""The suite for storages: every promise of :mod:`jobyard.seams.storage`, tested.

    class TestShelf(StorageConformance):
        provider = provider_named(Seam.STORAGE, "shelf")

        @pytest.fixture
        def settings(self, tmp_path):
            return {"root": str(tmp_path / "files")}

The suite works in a folder of its own, and in folders of users whom it makes up, and leaves nothing
there, so that it may be run on a storage that is in use.
"""

from __future__ import annotations

from jobyard.testing.storage_files import StorageFiles
from jobyard.testing.storage_folders import StorageFolders
from jobyard.testing.storage_names import StorageNames
from jobyard.testing.storage_outage import StorageOutage
from jobyard.testing.storage_permissions import StoragePermissions
from jobyard.testing.storage_state import StorageState
from jobyard.testing.storage_traffic import StorageTraffic


class StorageConformance(
    StorageFiles,
    StorageFolders,
    StorageNames,
    StoragePermissions,
    StorageTraffic,
    StorageOutage,
    StorageState,
):
    """Hold a storage against its seam; see :class:`~jobyard.testing.storage_place.StorageCase`."""


__all__ = ["StorageConformance"]
