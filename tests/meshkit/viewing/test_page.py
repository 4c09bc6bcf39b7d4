"""The policy is computed from the page; that it is right is seen in `tests/browser`."""

import base64
import gzip
import hashlib

import pytest
import zstandard

from meshkit.viewing.page import ALPHABET, SCHEME, Page, content_security_policy, script_hashes


def pack88(data: bytes) -> str:
    """Encode as viser's page is: big-endian groups of four bytes, the rest r bytes in r + 1."""
    out = ""
    for start in range(0, len(data), 4):
        group = data[start : start + 4]
        value, digits = int.from_bytes(group, "big"), ""
        for _ in range(len(group) + 1):
            value, digit = divmod(value, 88)
            digits = ALPHABET[digit] + digits
        out += digits
    return out


def page(style: bytes, code: bytes, loader: str) -> str:
    packed = pack88(zstandard.ZstdCompressor().compress(style + code))
    attributes = f'data-p="{packed}" data-ss="{len(style)}" data-cs="{len(code)}"'
    return f"<html><head><script {attributes}>{loader}</script></head></html>"


def source(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


@pytest.mark.parametrize("length", range(8))
def test_hashes_are_those_of_both_scripts(length):
    code = b"run(1)" + b"x" * length  # every length of the last group
    html = page(b"body{}", code, "load()")
    assert script_hashes(html) == [source(b"load()"), source(code)]


@pytest.mark.parametrize(
    "html",
    [
        "<html></html>",
        '<script src="x.js"></script>',
        page(b"", b"a", "load()") + "<script>more()</script>",
    ],
)
def test_page_of_another_form_is_not_trusted(html):
    with pytest.raises(RuntimeError, match="not of the known form"):
        script_hashes(html)


def test_page_that_unpacks_to_something_else_is_not_trusted():
    html = page(b"body{}", b"code", "load()").replace('data-cs="4"', 'data-cs="3"')
    with pytest.raises(RuntimeError, match="unpacks to 10 bytes, not 9"):
        script_hashes(html)


def test_policy_names_no_other_host():
    policy = content_security_policy(["'sha256-x'"], "localhost:8080")
    assert policy.count("localhost:8080") == 2
    assert "*" not in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")


def test_what_is_added_is_allowed_and_no_markup():
    """The style is ours, the script is run by its hash, and a title stays text."""
    plain = page(b"", b"code", "load()").replace("<head>", "<head><title>Viser</title>")
    made = Page(plain, "</title><script>x()</script>")
    assert source(SCHEME.encode()) in made.policy("localhost:8080")
    text = made.body.decode()
    assert text.count("<script") == 2
    assert f"<script>{SCHEME}</script>" in text
    assert "<title>&lt;/title&gt;&lt;script&gt;x()&lt;/script&gt;</title>" in text
    assert gzip.decompress(made.packed) == made.body
