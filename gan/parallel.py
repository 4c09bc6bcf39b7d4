"""Several processes that train as one: who I am, my share of a batch, sums over all.

`torchrun` starts the processes; a single one starts no group, and everything here is then the
identity. Random numbers are drawn for the whole batch from generators that are alike everywhere,
and each process keeps its share: samples rank, rank + world, rank + 2 world, … of the batch. Half
the batch divided by the number of processes being whole, sample i of a share's first half and
sample i of its second half are partners exactly as in the whole batch.
"""

import os
import secrets
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor

from gan.errors import PeerLost

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)  # the first process may compute what is cached for hours of use
SECONDS_TO_SAVE = 60  # for a process whose launcher has ended
SECONDS_TO_NOTICE = 10  # for a process one of whose peers has ended, before it is ended
SECONDS_TO_MEET = 60  # for the connections by which processes notice that


def rank() -> int:
    """Return the number of this process, 0 for a single one; 0 writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def started_by_torchrun() -> bool:
    """Return whether torchrun started this process, or the environment asks for several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 or "TORCHELASTIC_RUN_ID" in os.environ


def local_device(name: str) -> str:
    """Return the device of this process: with CUDA, the GPU that torchrun numbers for it.

    Raises
    ------
    ValueError
        One GPU is named for several processes, or there are fewer GPUs than processes here.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return name
    if ":" in name:
        raise ValueError(f"device {name}: several processes cannot share one GPU; name cuda alone")
    local, devices = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if devices == 1 and "CUDA_VISIBLE_DEVICES" in os.environ:
        local = 0  # a scheduler shows each task its own GPU; NCCL refuses one that two share
    if name in ("auto", "cuda") and local >= devices:
        raise ValueError(f"process {local} of this machine finds {devices} GPUs; start {devices}")
    return f"cuda:{local}" if name == "auto" else f"{name}:{local}"


@contextmanager
def processes(device: str) -> Iterator[str]:
    """Join the group that torchrun started, if it did; yield this process's device.

    NCCL between GPUs, gloo between CPUs. Leaving it by an exception tears nothing down: the
    others may be waiting, and end when this process does.
    """
    if not started_by_torchrun() or dist.is_initialized():
        yield device
        return
    if "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun's; other launchers may end before us
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    device = local_device(device)
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.set_device(device)
    # gloo beside nccl: what only the host needs to know does not wait for the GPU.
    dist.init_process_group(
        "cuda:nccl,cpu:gloo" if cuda else "gloo",
        timeout=PATIENCE,
        device_id=torch.device(device) if cuda else None,  # NCCL connects now, to this GPU
    )
    peers = _watch_peers()
    try:
        yield device
    except SystemExit as error:  # an orderly end with an exit code, which all have
        if not isinstance(error.__context__, PeerLost):  # what is left of the group would wait
            _take_leave(peers)
            dist.destroy_process_group()
        raise
    _take_leave(peers)
    dist.destroy_process_group()


def _watch_peers() -> list[socket.socket]:
    """Let a thread notice when a process ends without a farewell; return where to say one's own.

    Whoever waits for a GPU that waits for a lost peer hears of nothing: NCCL waits for half an
    hour. A connection breaks at once. All are connected with process 0, whose end ends all others.
    Not through torch, whose threads abort a process that exits while they wait.
    """
    if world() == 1:
        return []
    listener = socket.create_server(("", 0)) if rank() == 0 else None
    own = (listener.getsockname()[1] if listener else 0, secrets.token_hex(16))
    port, word = from_first(lambda: own)
    if listener is None:
        peers = [socket.create_connection((os.environ["MASTER_ADDR"], port), SECONDS_TO_MEET)]
        peers[0].sendall(word.encode())
    else:
        with listener:
            peers = list(_admitted(listener, word))
    for peer in peers:
        peer.settimeout(None)
    threading.Thread(target=_end_without, args=(peers,), daemon=True).start()
    return peers


def _admitted(listener: socket.socket, word: str) -> Iterator[socket.socket]:
    """Yield the connections of all other processes; who does not know the word is no process."""
    listener.settimeout(SECONDS_TO_MEET)
    admitted = 0
    while admitted < world() - 1:
        peer, _ = listener.accept()
        peer.settimeout(SECONDS_TO_MEET)
        said = b""
        with suppress(OSError):
            while len(said) < len(word) and (more := peer.recv(len(word) - len(said))):
                said += more
        if secrets.compare_digest(said, word.encode()):
            admitted += 1
            yield peer


def _end_without(peers: Sequence[socket.socket]) -> None:
    """End this process if another does without a farewell, after a while for it to end itself."""
    waiting = list(peers)
    while waiting:
        for peer in select.select(waiting, [], [])[0]:
            try:
                farewell = peer.recv(1)
            except OSError:
                farewell = b""
            if not farewell:
                time.sleep(SECONDS_TO_NOTICE)
                if rank() == 0 and sys.__stderr__ is not None:
                    sys.__stderr__.write("stopped: another process of this training has ended\n")
                    sys.__stderr__.flush()
                os._exit(1)
            waiting.remove(peer)


def _take_leave(peers: Sequence[socket.socket]) -> None:
    """Tell the others that this process ends in good order."""
    for peer in peers:
        with suppress(OSError):  # it has ended already
            peer.sendall(b"!")


def _end_with(launcher: int) -> None:
    """Ask this process to end when its launcher has, and end it when it does not within a while."""
    while os.getppid() == launcher:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)  # as a batch system would: a training saves first
    time.sleep(SECONDS_TO_SAVE)
    os.kill(os.getpid(), signal.SIGKILL)


def from_first(decide: Callable[[], T]) -> T:
    """Return, in every process, what process 0 decides: they may find a folder in two states.

    Raises
    ------
    PeerLost
        In the others, where process 0 raises: it says why.
    """
    if world() == 1:
        return decide()
    told: list[Any] = [None]
    try:
        if rank() == 0:
            told = [(decide(),)]
    finally:
        _call(dist.broadcast_object_list, told, 0, None, torch.device("cpu"))
    if told[0] is None:
        raise PeerLost(f"process {rank()}: process 0 has stopped")
    decision: T = told[0][0]
    return decision


@contextmanager
def first_process_first() -> Iterator[None]:
    """Let process 0 run the block before the others: it fills caches, and says what is wrong."""
    if rank() > 0:
        wait_for_all()
    yield
    if rank() == 0:
        wait_for_all()


def wait_for_all() -> None:
    """Wait until every process is here."""
    anywhere(False)


def first_to_say(message: str) -> bool:
    """Return whether no other process has asked this about the same message before."""
    if world() == 1:
        return True
    try:
        store = dist.distributed_c10d._get_default_store()
        return bool(store.add(f"said: {message}", 1) == 1)
    except RuntimeError:  # process 0, which keeps the store, has ended: it has said why
        return False


def processors() -> int:
    """Return how many processor cores there are for this process: its share of the machine's."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", world())) if world() > 1 else 1
    return max(1, (os.cpu_count() or 1) // here)


def anywhere(flag: bool) -> bool:
    """Return whether the flag is set in any process."""
    if world() == 1:
        return flag
    flags = torch.tensor([float(flag)])
    _call(dist.all_reduce, flags, dist.ReduceOp.MAX)
    return bool(flags.item())


def own_share(batch: Shaped[Tensor, "B *rest"]) -> Shaped[Tensor, "b *rest"]:
    """Return this process's samples of a batch."""
    return batch if world() == 1 else batch[rank() :: world()]


def draw_share(
    draw: Callable[..., Tensor], shape: Sequence[int], *, rng: torch.Generator, **kind: Any
) -> Tensor:
    """Draw this process's share of random numbers; `shape` is the share's, its first axis samples.

    `draw` is `torch.rand` or `torch.randn`. The numbers of the whole batch are drawn, so that they
    do not depend on how many processes there are, and generators stay alike.
    """
    whole = draw(shape[0] * world(), *shape[1:], generator=rng, device=rng.device, **kind)
    return own_share(whole)


def sample_numbers(n: int, device: torch.device) -> Tensor:
    """Return the numbers in the whole batch of this process's n samples."""
    return torch.arange(n, device=device) * world() + rank()


def gather_batch(share: Shaped[Tensor, "b *rest"]) -> Shaped[Tensor, "B *rest"]:
    """Return the whole batch from the shares of all processes; differentiable.

    For terms that compare samples with one another. Every process computes such a term whole; its
    gradient is scaled so that the mean over processes is that of a single one.
    """
    if world() == 1:
        return share
    whole: Tensor = _Gather.apply(share)  # type: ignore[no-untyped-call]
    return whole


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        parts = [torch.empty_like(share) for _ in range(world())]
        _call(dist.all_gather, parts, share.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return own_share(grads[0]) * world()


def average(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the means over all processes, in one exchange."""
    if world() == 1:
        return list(tensors)
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    _call(dist.all_reduce, flat)
    flat /= world()
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


class Sum:
    """A sum over all processes that is under way."""

    def __init__(self, work: Any) -> None:
        self._work = work

    def wait(self) -> None:
        """Wait until it is there; on CUDA, let what follows on the device wait."""
        _call(self._work.wait)


def begin_sum(tensor: Tensor) -> Sum:
    """Begin to add a tensor up over all processes, in place; it must stay alone until `wait`."""
    work = list[Any]()
    _call(lambda: work.append(dist.all_reduce(tensor, async_op=True)))
    return Sum(work[0])


def _call(operation: Callable[..., Any], *arguments: Any) -> None:
    try:
        operation(*arguments)
    except RuntimeError as error:  # a peer's end shows as a lost connection or a timeout
        raise PeerLost(f"process {rank()} lost the others: {error}") from error
