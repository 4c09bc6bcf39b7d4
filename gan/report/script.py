"""The script that a page with viewers carries, and its hash, by which the page lets it run."""

import base64
import hashlib
from importlib import resources

from gan.report.html import Markup


def script() -> Markup:
    """Return the text of the script: three.js and `tools/viewer`, made by tools/build_viewer.sh."""
    text = resources.files("gan.report").joinpath("viewer.js").read_text(encoding="utf-8")
    return Markup(f"\n{text}")


def script_hash(text: str) -> str:
    """Return what a content security policy calls a script: sha256-…, of its very characters."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
