"""What every page of controls needs: small text, and a picture of what its browser shows."""

import html
import io

import numpy as np
import viser

SIDE = 4096  # pixels of a picture, at most
WAIT = 20.0  # seconds for a picture of the canvas


def note(text: str) -> str:
    """Write small text as HTML; whatever is in it, a file's name too, stays text."""
    return (
        '<div style="padding: 0 0.75em 0.25em; font-size: 0.8em; line-height: 1.35; '
        f'opacity: 0.85; overflow-wrap: anywhere">{html.escape(text)}</div>'
    )


def picture_of(client: viser.ClientHandle, *, opaque: bool) -> bytes:
    """Let a browser draw what it shows, without the controls, and return it as PNG.

    Parameters
    ----------
    opaque
        On white; else the ground is transparent.

    Raises
    ------
    OSError
        The browser does not answer, or has gone.
    """
    from PIL import Image

    camera = client.camera
    height, width = (min(max(s, 1), SIDE) for s in (camera.image_height, camera.image_width))
    try:
        pixels = client.get_render(height, width, transport_format="png", timeout=WAIT)
    except (RuntimeError, TimeoutError) as error:
        raise OSError(f"no picture: {error}") from error
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., :3] if opaque else pixels)).save(out, "PNG")
    return out.getvalue()
