"""Take the face away as a mesh, a picture or codes; bring codes back."""

from typing import Any

import viser
from torch import Tensor

from gan.viewing.files import MESHES, codes_bytes, mesh_bytes, uploaded_codes
from gan.viewing.stage import Stage
from meshkit.viewing.notes import note, picture_of

ROW = "face of the file"


class SavingTab:
    """Files out, codes in."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        gui = stage.client.gui
        self.format = gui.add_dropdown("format", list(MESHES))
        gui.add_button("Save mesh", icon=viser.Icon.DOWNLOAD).on_click(stage.answer(self._mesh))
        gui.add_button("Save picture", icon=viser.Icon.CAMERA).on_click(stage.answer(self._picture))
        gui.add_button("Save codes", icon=viser.Icon.DOWNLOAD).on_click(stage.answer(self._codes))
        gui.add_html(note("Codes are what gan sample, fit, transfer and interpolate write: .npz"))
        self.upload: Any = gui.add_upload_button(
            "Load codes", icon=viser.Icon.UPLOAD, mime_type=".npz,application/octet-stream"
        )
        self.upload.on_upload(stage.answer(self._load))
        self.row: Any = gui.add_slider(ROW, 0, 1, 1, 0, disabled=True)
        self.row.on_update(stage.answer(self._show_row))
        self._loaded: dict[str, Tensor] = {}

    def _mesh(self) -> None:
        format = str(self.format.value)
        self._send(f"face.{format}", mesh_bytes(self.stage.shapes.model, self.stage.V, format))

    def _codes(self) -> None:
        session = self.stage.session
        with self.stage.lock:
            codes = dict(session.codes)
            classes = {f.name: session.label(f.name) for f in session.model.factors}
        labels = {name: label for name, label in classes.items() if label is not None}
        self._send("codes.npz", codes_bytes(session.model, codes, labels))

    def _picture(self) -> None:
        """Let the browser save what it shows, on a transparent ground."""
        self._send("face.png", picture_of(self.stage.client, opaque=False))

    def _send(self, name: str, content: bytes) -> None:
        self.stage.client.send_file_download(name, content, save_immediately=True)

    def _load(self) -> None:
        file = self.upload.value
        codes = uploaded_codes(self.stage.shapes.model, file.name, file.content)
        n = len(codes["noise"])
        self._loaded = codes
        with self.stage.lock:
            self.row.max, self.row.disabled = max(n - 1, 1), n == 1
            self.row.value = 0
        self._show_row()
        self.stage.say("Codes loaded", f"{n:,} face{'s' if n > 1 else ''}")

    def _show_row(self) -> None:
        if not self._loaded:
            return
        k = min(max(int(self.row.value), 0), len(self._loaded["noise"]) - 1)
        row = {name: code[k : k + 1] for name, code in self._loaded.items()}
        self.stage.act(lambda session: session.edit(row, "row"))
