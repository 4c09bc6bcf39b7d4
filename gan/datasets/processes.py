"""Map a function over items with several processes: in order, few at a time, ended at once."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection, wait
from typing import Any

from gan.errors import DatasetError

AHEAD = 2  # items per process that are begun before their turn

_shared: Any = None  # of a worker process: sending it once beats sending it with every item


Task = Callable[[Any, Any], Any]  # (shared, item) -> result
Map = Callable[[Task, Iterable[Any]], Iterator[Any]]


@contextlib.contextmanager
def crew(jobs: int, shared: object) -> Iterator[Map]:
    """Yield what maps a task over items with this many processes; results come in order.

    One job is this process. A worker computes with one thread.

    Raises
    ------
    DatasetError
        A process was killed.
    """
    if jobs == 1:
        yield lambda task, items: (task(shared, item) for item in items)
        return
    with _one_thread():
        try:
            with _workers(jobs, shared) as run:
                yield run
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process was killed, by lack of memory or by hand", remedy="fewer-processes"
            ) from error


@contextlib.contextmanager
def _workers(jobs: int, shared: object) -> Iterator[Map]:
    """Yield what maps tasks over items by this many processes of its own.

    Leaving the block, by an exception as well, ends the processes without waiting for what they are
    doing; so does the end of this process, however it comes. They never hear Ctrl-C.

    Parameters
    ----------
    shared
        Is sent to each process once; must be picklable, as items and results. A task is a function
        of a module, so that other processes find it.
    """
    context = multiprocessing.get_context("spawn")
    stop, stopped = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(shared, stop))

    def run(task: Task, items: Iterable[Any]) -> Iterator[Any]:
        begun, left = deque[Future[Any]](), iter(items)
        while True:
            with _interrupts_held_back():  # the first item starts all processes
                while len(begun) < AHEAD * jobs:
                    try:
                        begun.append(pool.submit(_run, task, next(left)))
                    except StopIteration:
                        break
            if not begun:
                break
            yield begun.popleft().result()

    try:
        yield run
    finally:
        stopped.close()  # the processes see that and leave
        pool.shutdown(cancel_futures=True)
        stop.close()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that start meanwhile compute with one thread each."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Deliver Ctrl-C afterwards; processes that start meanwhile never get it.

    One that dies of it while it starts makes the parent wait for ever: it writes what is shared
    into a pipe that nobody reads.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(shared: object, stop: Connection) -> None:
    """Prepare a worker."""
    global _shared
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_when_told, args=(stop,), daemon=True).start()


def _leave_when_told(stop: Connection) -> None:
    """End this process when the parent closes its end or is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel, stop])
    os._exit(1)


def _run(task: Task, item: object) -> Any:
    return task(_shared, item)
