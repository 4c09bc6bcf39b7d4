"""Do the newest thing only: what was asked for meanwhile becomes one more run."""

import threading
from collections.abc import Callable


class Latest:
    """A job that runs in the thread of whoever asks first; who asks meanwhile does not wait.

    After the last call there is always one whole run, so the job sees the newest state.
    """

    def __init__(self, job: Callable[[], None]) -> None:
        self._job = job
        self._lock = threading.Lock()
        self._wanted = self._running = False

    def __call__(self) -> None:
        """Run the job, or leave it to the thread that runs it."""
        with self._lock:
            self._wanted = True
            if self._running:
                return
            self._running = True
        try:
            while self._take():
                self._job()
        except BaseException:
            with self._lock:
                self._running = False
            raise

    def _take(self) -> bool:
        """Take the wish, or stop running: under one lock, so that none is lost in between."""
        with self._lock:
            self._running = self._wanted
            self._wanted = False
            return self._running
