"""Fill a page's template; a page with viewers carries one script, and lets no other run."""

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

from meshkit.report.page import render_page

FOLDER = Path(__file__).parent


class Script(NamedTuple):
    """The script of a page with viewers, and what a content security policy calls it.

    Attributes
    ----------
    text : three.js and `tools/viewer`, bundled by tools/build_viewer.sh
    hash : sha256-…, of the very characters of the text
    """

    text: str
    hash: str


def assemble(template: str, /, *folders: Path, viewers: bool = False, **values: object) -> str:
    """Return a page: a template of this folder or of another, filled in.

    Parameters
    ----------
    folders
        Where to look for templates before this folder and those of `meshkit.report`.
    viewers
        The page holds viewers of `gan.report.viewer`: their script becomes part of the page, and
        the one script that the page's policy lets run. Without, none does.
    values
        What the template names: `title` at least.
    """
    script = page_script() if viewers else None
    return render_page(template, *folders, FOLDER, script=script, **values)


def page_script() -> Script:
    """Return the script that a page with viewers carries."""
    text = "\n" + (FOLDER / "viewer.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).digest()
    return Script(text, f"sha256-{base64.b64encode(digest).decode('ascii')}")
