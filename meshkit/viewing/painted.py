"""Surfaces with colours for the browser: GLB with a colour per vertex or a texture."""

import base64
import io
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from meshkit.formats.gltf import flip_v
from meshkit.formats.gltf_writer import INDICES, Packer, one_mesh, pack_container
from meshkit.rendering.surface import SQUARES, checker

CHECKER_SIZE = 64 * SQUARES  # texels of the checker's picture


def painted_surface(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    N: Float[np.ndarray, "n 3"],
    *,
    colors: Float[np.ndarray, "n 3"] | None = None,
    UV: Float[np.ndarray, "n 2"] | None = None,
    lit: bool = True,
) -> bytes:
    """Return a GLB file of a surface with a colour per vertex, or with the UV checker.

    Parameters
    ----------
    V : length
    N : 1
        Unit normals; (0, 0, 0) where there is none.
    colors : 1
        sRGB, 0 to 1.
    UV : 1
        The checker of `meshkit.rendering.surface` is laid over the surface by it, and on beyond
        the unit square.
    lit
        Shade it; else the colours are seen as they are, as numbers want to be.

    Raises
    ------
    ValueError
        Not exactly one of `colors` and `UV` is given.
    """
    if (colors is None) == (UV is None):
        raise ValueError("give either colors or UV")
    packer = Packer()
    unit = np.where((N == 0).all(axis=1, keepdims=True), (0.0, 0.0, 1.0), N)
    attributes = {
        "POSITION": packer.add(V.astype("<f4")),
        "NORMAL": packer.add(unit.astype("<f4")),
    }
    material: dict[str, Any] = {
        "doubleSided": True,
        "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9},
    }
    tree: dict[str, Any] = {}
    if UV is not None:
        attributes["TEXCOORD_0"] = packer.add(flip_v(UV).astype("<f4"))
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
        uri = "data:image/png;base64," + base64.b64encode(_checker_png()).decode()
        tree |= {"textures": [{"source": 0, "sampler": 0}], "images": [{"uri": uri}]}
        tree["samplers"] = [{"wrapS": 10497, "wrapT": 10497}]  # repeat
    else:
        assert colors is not None
        attributes["COLOR_0"] = packer.add(linear_light(colors).astype("<f4"))
    if not lit:
        material["extensions"] = {"KHR_materials_unlit": {}}
        tree["extensionsUsed"] = ["KHR_materials_unlit"]
    indices = packer.add(F.reshape(-1).astype("<u4"), INDICES)
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    tree = one_mesh(packer, primitive, materials=[material], **tree)
    return pack_container(tree, packer.blob)


def _checker_png() -> bytes:
    from PIL import Image

    centre = (np.arange(CHECKER_SIZE) + 0.5) / CHECKER_SIZE
    u, v = np.meshgrid(centre, centre)
    colors = checker(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(*u.shape, 3)
    out = io.BytesIO()
    Image.fromarray(np.rint(colors[::-1] * 255).astype(np.uint8)).save(out, "PNG")  # v grows up
    return out.getvalue()


def linear_light(srgb: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Undo the transfer function of sRGB (IEC 61966-2-1): glTF multiplies light."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
