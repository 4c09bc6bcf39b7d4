"""The page of viser: how it looks, and a content security policy computed from the page itself.

The page is one file. It holds its program packed (base 88, zstandard) in an attribute of a small
script that unpacks it and adds it as a second script. Both are allowed by their hashes, so nothing
else runs: no handler in a mesh's name, no script sent over the connection, and nothing is loaded
from another host.

What is added to it: a style, and a short script that is run before its own. The page then follows
the light or dark of the browser; on a phone its controls lie below the picture, not on it.
"""

import base64
import gzip
import hashlib
import html
import re
from functools import cached_property

import numpy as np

LOADER = re.compile(
    r'<script data-p="(?P<packed>[^"]*)" data-ss="(?P<style>\d+)" data-cs="(?P<code>\d+)">'
    r"(?P<loader>.*?)</script>",
    re.DOTALL,
)
TITLE = re.compile(r"<title>[^<]*</title>")
# Printable ASCII without what HTML and template strings would change.
ALPHABET = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "\"&<>'`")
MAX_PAGE = 64 * 2**20  # bytes of style and program, unpacked
# What viser's page asks for where it is embedded; `?darkMode` would do the same.
SCHEME = (
    "if (matchMedia('(prefers-color-scheme: dark)').matches)"
    " window.__VISER_EMBED_CONFIG__ = {darkMode: true};"
)
# The page names no classes: its elements are found by the styles that viser gives them.
STYLE = """
[style*="flex-grow: 1"][style*="height: 100%"]:has(canvas) {
  background: radial-gradient(circle at 50% 42%, #e7eaf0, #c2c8d2) !important;
}
[data-mantine-color-scheme="dark"] [style*="flex-grow: 1"][style*="height: 100%"]:has(canvas) {
  background: radial-gradient(circle at 50% 42%, #40454f, #17191d) !important;
}
.mantine-ScrollArea-scrollbar[data-orientation="vertical"] { width: 0.5em !important; }
@media (max-width: 36em) {
  :has(> [style*="position: fixed"][style*="20em"]) { flex-direction: column; }
  [style*="flex-grow: 1"][style*="height: 100%"]:has(canvas) { min-height: 0; }
  [style*="position: fixed"][style*="20em"] {
    position: static !important; width: 100% !important; max-height: none !important;
    height: 55%; flex-shrink: 0;
  }
  [style*="position: fixed"][style*="20em"]:has([style*="width: 20em"] > [aria-hidden="true"]) {
    height: auto;
  }
  [style*="position: fixed"][style*="20em"] [style*="width: 20em"] { width: 100% !important; }
}
"""


class Page:
    """The page that a server sends, and its policy.

    Parameters
    ----------
    source
        The page of viser, as HTML.
    title
        Of the browser's tab.

    Raises
    ------
    RuntimeError
        As `script_hashes`.
    """

    def __init__(self, source: str, title: str = "viewer") -> None:
        self.hashes = [*script_hashes(source), _hash(SCHEME.encode())]
        ours = f"<style>{STYLE}</style><script>{SCHEME}</script>"
        text = TITLE.sub(lambda match: f"<title>{html.escape(title)}</title>", source, count=1)
        head, opening, rest = text.partition("<head>")
        self.body = f"{head}{opening}{ours}{rest}".encode()

    @cached_property
    def packed(self) -> bytes:
        """The page as gzip."""
        return gzip.compress(self.body, mtime=0)

    def policy(self, host: str) -> str:
        """Return the policy for a browser that calls the server `host` (``name:port``)."""
        return content_security_policy(self.hashes, host)


def script_hashes(source: str) -> list[str]:
    """Return the sources ``'sha256-…'`` of the scripts that the page runs, in its order.

    Raises
    ------
    RuntimeError
        The page is not packed in the known way: it belongs to another version of viser.
    """
    import zstandard

    match = LOADER.search(source)
    if match is None or source.count("<script") != 1:
        raise RuntimeError("viser's page is not of the known form: pip install 'viser<1.2'")
    style, code = int(match["style"]), int(match["code"])
    packed = _unpack88(match["packed"])
    plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_PAGE)
    if len(plain) != style + code:
        raise RuntimeError(f"viser's page unpacks to {len(plain)} bytes, not {style + code}")
    return [_hash(match["loader"].encode()), _hash(plain[style:])]


def content_security_policy(hashes: list[str], host: str) -> str:
    """Return the policy of the page for a browser that calls the server `host` (``name:port``)."""
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'wasm-unsafe-eval'", *hashes]),
        "worker-src": "blob: data:",  # viser's decoder of messages, inlined in the page
        "connect-src": f"ws://{host} wss://{host} data: blob:",
        "img-src": "data: blob:",
        "font-src": "data:",
        "style-src": "'unsafe-inline'",  # of its components; styles cannot load anything here
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


def _unpack88(text: str) -> bytes:
    """Decode base 88, the highest digit first: five characters hold four bytes, r + 1 hold r."""
    digit = np.zeros(128, dtype=np.int64)
    digit[[ord(char) for char in ALPHABET]] = np.arange(len(ALPHABET))
    digits = digit[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]
    whole = len(digits) // 5 * 5
    value = digits[:whole].reshape(-1, 5) @ (88 ** np.arange(4, -1, -1))
    rest = 0
    for last in digits[whole:].tolist():
        rest = rest * 88 + last
    tail = rest.to_bytes(max(len(digits) - whole - 1, 0), "big")
    return value.astype(">u4").tobytes() + tail
