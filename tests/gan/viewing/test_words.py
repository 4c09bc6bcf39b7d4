"""Names out of files in a page: distinct, short, and never markup."""

from html.parser import HTMLParser

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gan.viewing.controls.words import NONE, legend_bar, note, words
from gan.viewing.shading import Legend

HOSTILE = "<img src=x onerror=alert(1)>\n**bold** [a](javascript:b)\u202e"


class Tags(HTMLParser):
    """Which elements a browser would make."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@given(st.lists(st.text(max_size=60), max_size=12))
def test_labels_are_distinct_short_lines(names):
    labels = words(names)
    assert len(set(labels) | {NONE}) == len(names) + 1
    assert all(0 < len(label) <= 46 and label.isprintable() for label in labels)


def test_equal_names_are_numbered():
    labels = words(["a", "a", "", NONE, "x" * 50])
    assert labels == ["a", "a (2)", "(no name)", f"{NONE} (2)", "x" * 39 + "…"]


def test_what_is_in_a_note_or_a_legend_stays_text():
    assert Tags(note(HOSTILE)).tags == ["div"]
    legend = Legend(HOSTILE, np.zeros((16, 3)), (HOSTILE, "1"))
    assert set(Tags(legend_bar(legend)).tags) == {"div", "span"}
    assert "&lt;img" in legend_bar(legend)
