"""What brings commits from SQLite's write-ahead log into the file, aside from those who commit."""

from __future__ import annotations

import contextlib
from typing import Any

from interface.store.database import Part
from interface.store.errors import StoreError

_PATIENCE_MS = 5
"""How long writers are kept out at most for a reader that does not end."""


class Checkpoints(Part):
    """One thread's, beside the writers."""

    def bring_over(self) -> None:
        """Bring over what no reader needs in the log any more.

        First while writers go on; then, with writers kept out, what they have added meanwhile, for only a log of which all
        is brought over is begun anew. That is little, and is left for the next time when a writer or a reader stays for
        longer than some milliseconds. What fails here is not lost: it stays in the log, and who commits next learns of it.
        """
        with contextlib.suppress(StoreError, *self._database.failures):
            connection = self._usable()
            self._database.about_to_commit(connection, self._mark)
            driver: Any = connection.connection.dbapi_connection
            driver.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            driver.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
