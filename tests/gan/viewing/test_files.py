"""What leaves and enters the page: round trips, and files that nobody should trust."""

import io
import zipfile

import numpy as np
import pytest
import torch

from gan.viewing.files import MESHES, codes_bytes, mesh_bytes, uploaded_codes
from meshkit.io import load_mesh
from tests.gan.viewing.faces import mapped_model

MODEL = mapped_model()


def npz(**arrays: object) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def good() -> dict[str, np.ndarray]:
    codes = MODEL.sample_codes(3, rng=torch.Generator().manual_seed(2))
    return {name: code.numpy() for name, code in codes.items()}


def test_codes_come_back_as_they_left():
    codes = {name: torch.from_numpy(code) for name, code in good().items()}
    back = uploaded_codes(MODEL, "codes.npz", codes_bytes(MODEL, codes, {"identity": 1}))
    torch.testing.assert_close(back, codes, rtol=0, atol=0)


@pytest.mark.parametrize("format", MESHES)
def test_every_format_holds_the_face(format, tmp_path):
    V = MODEL.sample(1, rng=torch.Generator().manual_seed(3))[0].numpy()
    path = tmp_path / f"face.{format}"
    path.write_bytes(mesh_bytes(MODEL, V, format))
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.V[mesh.F], V[MODEL.faces.numpy()], atol=1e-4)
    if format != "stl":
        np.testing.assert_allclose(mesh.UV, MODEL.UV.numpy(), atol=1e-5)
    with pytest.raises(ValueError, match="format must be one of glb, obj, ply, stl"):
        mesh_bytes(MODEL, V, "../exe")


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("noise.npy", bytes(80 * 2**20))
    return out.getvalue()


BAD = {
    "empty": (b"", "is no .npz file"),
    "text": (b"PK\x03\x04 codes", "is no .npz file"),
    "cut": (npz(**good())[:-40], "is no .npz file"),
    "large": (bytes(9 * 2**20), "9,437,184 bytes"),
    "bomb": (bomb(), "unpacks to 83,886,080 bytes"),
    "pickle": (npz(noise=np.array([{}], dtype=object)), "Python objects"),
    "other": (npz(noise=np.zeros((1, 0)), identity=np.zeros((1, 9))), r"identity codes \(n, 4\)"),
    "words": (npz(**good() | {"identity": np.full((3, 4), "x")}), r"identity codes \(n, 4\)"),
    "ragged": (npz(**good() | {"identity": np.zeros((2, 4))}), "2 identity codes, but 3 of noise"),
    "nan": (npz(**good() | {"identity": np.full((3, 4), np.nan)}), "identity codes are not finite"),
    "none": (npz(**{name: code[:0] for name, code in good().items()}), "holds no face"),
    "huge": (npz(**good() | {"identity": np.full((3, 4), 1e300)}), "not finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_refused(name):
    content, why = BAD[name]
    with pytest.raises(ValueError, match=why) as caught:
        uploaded_codes(MODEL, "<b>my\ncodes</b>.npz", content)
    assert str(caught.value).startswith("<b>my\\ncodes</b>.npz")
    assert "\n" not in str(caught.value)
    assert "/tmp" not in str(caught.value)
