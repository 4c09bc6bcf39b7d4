"""What is written beside the training, by one thread: checkpoints and pictures, in order.

A job gets copies of what it writes, made before the training goes on. One job is under way at
most, so that there is one copy: the next waits. What fails, fails the training, at the next step.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class Beside:
    """A thread that does one job at a time; leaving the block waits for the last."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="beside-the-training")
        self._job: Future[Any] | None = None

    def __enter__(self) -> "Beside":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Even after an error: whoever opens the run's folder next must not meet this writer.
        self._pool.shutdown(wait=True)
        if kind is None:
            self.wait()

    def submit(self, job: Callable[[], Any]) -> None:
        """Begin a job when the one before is done; raise what that one raised."""
        self.wait()
        self._job = self._pool.submit(job)

    def check(self) -> None:
        """Raise what the job raised, if it has ended; do not wait for it."""
        if self._job is not None and self._job.done():
            self.wait()

    def wait(self) -> None:
        """Wait for the job; raise what it raised."""
        job, self._job = self._job, None
        if job is not None:
            job.result()
