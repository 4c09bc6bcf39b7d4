"""What the page of viser may do: a content security policy computed from the page itself.

The page is one file. It holds its program packed (base 88, zstandard) in an attribute of a small
script that unpacks it and adds it as a second script. Both are allowed by their hashes, so nothing
else runs: no handler in a mesh's name, no script sent over the connection, and nothing is loaded
from another host.
"""

import base64
import hashlib
import re

import numpy as np

LOADER = re.compile(
    r'<script data-p="(?P<packed>[^"]*)" data-ss="(?P<style>\d+)" data-cs="(?P<code>\d+)">'
    r"(?P<loader>.*?)</script>",
    re.DOTALL,
)
# Printable ASCII without what HTML and template strings would change.
ALPHABET = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "\"&<>'`")
MAX_PAGE = 64 * 2**20  # bytes of style and program, unpacked


def script_hashes(html: str) -> list[str]:
    """Return the sources ``'sha256-…'`` of the scripts that the page runs, in its order.

    Raises
    ------
    RuntimeError
        The page is not packed in the known way: it belongs to another version of viser.
    """
    import zstandard

    found = LOADER.search(html)
    if found is None or html.count("<script") != 1:
        raise RuntimeError("viser's page is not of the known form: pip install 'viser<1.2'")
    style, code = int(found["style"]), int(found["code"])
    packed = _unpack88(found["packed"])
    plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_PAGE)
    if len(plain) != style + code:
        raise RuntimeError(f"viser's page unpacks to {len(plain)} bytes, not {style + code}")
    return [_hash(found["loader"].encode()), _hash(plain[style:])]


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
