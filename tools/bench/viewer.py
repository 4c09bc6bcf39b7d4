"""`gan view`: from a slider's message to the picture's message, against the product inside it."""

import threading
from collections.abc import Iterator

import msgspec
import numpy as np
import torch
import viser
import zstandard
from measure import Row, race
from websockets.sync.client import ClientConnection, connect

from gan.models.contract import Core
from gan.models.face_model import FaceModel, Factor
from gan.viewing.face_viewer import view_faces
from gan.viewing.shading import DISPLACEMENT, DISTORTION, NORMALS, PLAIN
from meshkit.primitives import hemisphere

RINGS = 85  # 21,931 vertices
HIDDEN = 512
CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": [1.0, 0.0, 0.0, 0.0],
    "position": [0.0, 0.0, 3.0],
    "fov": 0.5,
    "near": 0.01,
    "far": 1000.0,
    "image_height": 480,
    "image_width": 640,
    "look_at": [0.0, 0.0, 0.0],
    "up_direction": [0.0, 1.0, 0.0],
}


def rows(*, full: bool) -> Iterator[Row]:
    """Yield one row for each way to shade; a model of the paper's size on 21,931 vertices."""
    model = large_model()
    W, h = model.weights["W2"].numpy(), np.random.default_rng(0).normal(size=HIDDEN)
    h = h.astype(np.float32)

    def product() -> None:
        W @ h

    threads = f"{torch.get_num_threads()} threads"
    with view_faces(model, port=0) as server, _Browser(server.port) as browser:
        for mode in (PLAIN, NORMALS, DISPLACEMENT, DISTORTION):
            browser.choose("shading", mode)
            name = f"slider to picture, {len(model.template)}, {mode}"
            yield race(name, browser.slide, product, "W₂ h alone, numpy", repeats=15, note=threads)


class _Browser:
    """What a page does of the talk: it moves a slider and waits for the next positions."""

    def __init__(self, port: int) -> None:
        host = f"localhost:{port}"
        self._socket: ClientConnection = connect(
            f"ws://{host}",
            origin=f"http://{host}",  # type: ignore[arg-type]
            subprotocols=[f"viser-v{viser.__version__}"],  # type: ignore[list-item]
            compression=None,
            max_size=None,
        )
        self._send(CAMERA)
        self._controls: dict[str, str] = {}
        self._amount = 0.0
        self._pictures = threading.Semaphore(0)
        self._complete = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        self._complete.wait(60)

    def __enter__(self) -> "_Browser":
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def slide(self) -> None:
        """Move the first slider; wait until the face has come."""
        self._amount = 0.05 if self._amount > 2 else self._amount + 0.05
        self._set("direction 1", self._amount)
        self._pictures.acquire(timeout=60)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list; what comes of it is not waited for, but heard."""
        self._set(label, option)
        while self._pictures.acquire(timeout=2):
            pass

    def _set(self, label: str, value: object) -> None:
        uuid = self._controls[label]
        self._send({"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": value}})

    def _send(self, message: dict[str, object]) -> None:
        self._socket.send(msgspec.msgpack.encode(message))

    def _listen(self) -> None:
        for frame in self._socket:
            assert isinstance(frame, bytes)
            size = int.from_bytes(frame[8:16], "little")
            plain = zstandard.ZstdDecompressor().decompress(frame[16 : 16 + size])
            for message in _messages(msgspec.msgpack.decode(plain)):
                self._hear(message)

    def _hear(self, message: dict[str, object]) -> None:
        props = message.get("props")
        if isinstance(props, dict) and "label" in props and "uuid" in message:
            self._controls.setdefault(str(props["label"]), str(message["uuid"]))
            if props["label"] == "face of the file":  # the last one
                self._complete.set()
        updates = message.get("updates")
        moved = isinstance(updates, dict) and updates.keys() & {"vertices", "glb_data"}
        if moved or message.get("type") == "GlbMessage":
            self._pictures.release()


def _messages(tree: object) -> Iterator[dict[str, object]]:
    if isinstance(tree, dict):
        if "type" in tree:
            yield tree
        else:
            for value in tree.values():
                yield from _messages(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _messages(value)


def large_model() -> FaceModel:
    V, F = hemisphere(RINGS)
    rng = torch.Generator().manual_seed(0)
    sizes = {"identity": 65, "expression": 20}
    factors = tuple(Factor(name, size, ("a", "b")) for name, size in sizes.items())

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=rng)

    core = Core(
        factors=factors,
        codes={factor.name: random(2, factor.code_size) for factor in factors},
        noise_size=5,
        template=torch.from_numpy(100 * V).float(),
        faces=torch.from_numpy(F),
        UV=torch.from_numpy(0.5 + V[:, :2] / 2.2).float(),
    )
    weights = {
        "W1": random(HIDDEN, 90) / 10,
        "b1": torch.zeros(HIDDEN),
        "W2": 0.02 * random(3 * len(V), HIDDEN),
        "b2": torch.zeros(3 * len(V)),
    }
    return FaceModel(core, weights, scale=1.0, slope=0.2)
