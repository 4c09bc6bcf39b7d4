"""Phones to visemes, intervals to frames; alignments that are none are refused."""

import contextlib
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid

from gan.datasets.importing.manifest import Entry, Manifest
from gan.datasets.importing.speech import (
    Interval,
    join_labels,
    label_frames,
    phoneme_table,
    read_phones,
    to_visemes,
    write_labels,
)
from gan.datasets.visemes import VISEMES
from gan.errors import DatasetError

# CMU's 39 phones with stress, as english_us_arpa prints them.
ARPABET = """
    AA0 AE1 AH2 AO0 AW1 AY2 B CH D DH EH0 ER1 EY2 F G HH IH0 IY1 JH K L M N NG OW0 OY1 P R S SH T
    TH UH0 UW1 V W Y Z ZH
"""
# Phones of english_mfa (McAuliffe, mfa-adaptation, english_to_mandarin_phone_mapping.yaml).
ENGLISH_MFA = """
    aj aw b bʲ c cʰ cʷ d dʒ dʲ ej f fʲ h i iː j k kʰ kʷ l m mʲ m̩ n n̩ ow p pʰ pʲ pʷ s t tʃ tʰ tʲ
    tʷ v vʲ w z æ ç ð ŋ ɐ ɑ ɑː ɒ ɒː ɔj ə ɚ ɛ ɛː ɝ ɜː ɟ ɟʷ ɡ ɡʷ ɪ ɫ ɫ̩ ɱ ɲ ɹ ɾ ʃ ʉ ʉː ʊ ʎ ʒ ʔ θ t̪
    d̪ əw
"""


def visemes_of(*phones: str) -> list[str | None]:
    intervals = [Interval(k, k + 1, phone) for k, phone in enumerate(phones)]
    return [viseme.label for viseme in to_visemes(intervals, "test")]


def test_every_viseme_has_phones_and_every_phone_one_viseme():
    text = (files("gan.datasets") / "tables" / "phonemes.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    assert set(table["visemes"]) == set(VISEMES)
    listed = [p for phones in table["visemes"].values() for p in phones]
    listed += [p for phones in table["special"].values() for p in phones]
    assert len(listed) == len(set(listed)) == len(phoneme_table())


def test_both_phone_sets_are_covered():
    for phone in f"{ARPABET} {ENGLISH_MFA}".split():
        assert visemes_of(phone)[0] in VISEMES


def test_words_by_hand():
    assert visemes_of("HH", "EH0", "L", "OW1") == ["E", "E", "nn", "oh"]  # hello
    assert visemes_of("θ", "ɪ", "ŋ", "kʰ", "") == ["TH", "ih", "kk", "kk", "rest"]  # think
    assert visemes_of("f", "ɪ", "ʃ", "h") == ["FF", "ih", "CH", "rest"]
    assert visemes_of("spn", "HH", "spn", "SH", "UW1", "Z") == [
        None,
        "rest",
        None,
        "CH",
        "ou",
        "SS",
    ]


def test_unknown_phones_are_listed():
    with pytest.raises(DatasetError, match=r"^test: unknown phones Q9\?, hello"):
        visemes_of("AA1", "hello", "Q9?")


@given(
    st.lists(st.tuples(st.floats(0.01, 0.4), st.sampled_from(["PP", "aa", None])), min_size=1),
    st.sampled_from([24.0, 25.0, 29.97, 60.0]),
    st.floats(0, 0.005),
)
def test_each_frame_has_the_label_that_fills_most_of_it(parts, fps, start):
    """Against time counted in small steps."""
    intervals, now = [], 0.0
    for length, label in parts:
        intervals.append(Interval(now, now + length, label))
        now += length
    found = label_frames(intervals, fps, start=start).labels
    assert (len(found) - 1) / fps + start < now <= len(found) / fps + start + 1e-6
    steps = 40
    for k, label in enumerate(found):
        share = dict.fromkeys(["PP", "aa", "rest", None], 0.0)
        for i in range(steps):
            t = start + (k + (i + 0.5) / steps) / fps
            inside = [x.label for x in intervals if x.start <= t < x.end]
            share[inside[0] if inside else "rest"] += 1 / steps
        # An interval's ends may each cut one step.
        assert share[label] >= max(share.values()) - 2 * (len(parts) + 1) / steps


def test_ties_go_to_the_earlier_and_are_counted():
    found = label_frames([Interval(0, 0.15, "PP"), Interval(0.15, 0.3, "aa")], 10.0)
    assert found.labels == ("PP", "PP", "aa")
    assert found.ties == 1


def test_silence_around_speech_is_rest():
    found = label_frames([Interval(0.2, 0.3, "aa")], 10.0, frames=5)
    assert found.labels == ("rest", "rest", "aa", "rest", "rest")
    with pytest.raises(ValueError, match="no frame"):
        label_frames([Interval(0.2, 0.3, "aa")], 10.0, start=1.0)
    with pytest.raises(ValueError, match="fps must be above 0"):
        label_frames([Interval(0.2, 0.3, "aa")], 0.0)


def write_grid(path, tiers, form="long_textgrid"):
    grid = textgrid.Textgrid()
    for name, entries in tiers.items():
        kind = textgrid.IntervalTier if len(entries[0]) == 3 else textgrid.PointTier
        grid.addTier(kind(name, entries, 0, 1.0))
    grid.save(str(path), form, includeBlankSpaces=True)
    return path


WORD = [(0.0, 0.25, "M"), (0.25, 0.75, "AA1")]


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid", "textgrid_json"])
def test_all_forms_of_a_grid_read_alike(tmp_path, form):
    path = write_grid(tmp_path / "a.TextGrid", {"words": [(0.0, 0.75, "ma")], "phones": WORD}, form)
    assert read_phones(path) == [*(Interval(*x) for x in WORD), Interval(0.75, 1.0, "")]


def test_tiers_of_a_speaker(tmp_path):
    path = write_grid(tmp_path / "a.TextGrid", {"ann - words": WORD, "ann - phones": WORD})
    assert read_phones(path)[1].label == "AA1"
    path = write_grid(tmp_path / "b.TextGrid", {"ann - phones": WORD, "bob - phones": WORD})
    with pytest.raises(DatasetError, match="several tiers 'phones'; it has ann - phones, bob"):
        read_phones(path)
    assert read_phones(path, "bob - phones")[0].label == "M"


def test_other_tiers_are_refused(tmp_path):
    path = write_grid(tmp_path / "a.TextGrid", {"points": [(0.2, "M")], "words": WORD})
    with pytest.raises(DatasetError, match=r"no tier 'phones'; it has points, words$"):
        read_phones(path)
    with pytest.raises(DatasetError, match="holds points, expected intervals"):
        read_phones(path, "points")


def test_damaged_grids_are_refused_wherever_they_are_cut(tmp_path):
    whole = write_grid(tmp_path / "a.TextGrid", {"phones": WORD}).read_bytes()
    expected = read_phones(tmp_path / "a.TextGrid")
    cut = tmp_path / "cut.TextGrid"
    for length in range(0, len(whole), 3):
        cut.write_bytes(whole[:length])
        with contextlib.suppress(DatasetError):  # anything else is a traceback for the user
            assert read_phones(cut) == expected
    cut.write_bytes(b"\xff\xfe\x00\xd8" * 50)
    with pytest.raises(DatasetError, match="not a TextGrid, or damaged"):
        read_phones(cut)
    cut.write_bytes(whole.replace(b"0.25", b"nan "))
    with pytest.raises(DatasetError, match=r"cut\.TextGrid: "):
        read_phones(cut)


def test_labels_join_on_sequence_and_frame(tmp_path):
    found = label_frames([Interval(0, 0.2, "PP"), Interval(0.2, 0.3, None)], 10.0, frames=4)
    write_labels(tmp_path / "v.csv", {"talk": found}, first=1)
    entries = tuple(
        Entry(k + 2, f"{k}.obj", "a", "talk" if k < 4 else "", k, "", {}) for k in range(6)
    )
    joined, note = join_labels(Manifest("m.csv", entries, ()), tmp_path / "v.csv")
    assert [e.labels.get("viseme") for e in joined.entries] == [None, "PP", "PP", None, None, None]
    assert joined.factors == ("viseme",)
    assert "2 of 6 meshes have a viseme; 1 of its 4 frames belong to no mesh" in note
    with pytest.raises(DatasetError, match="has a column viseme already"):
        join_labels(joined, tmp_path / "v.csv")
    other = Manifest("m.csv", tuple(e._replace(sequence="shout") for e in entries), ())
    with pytest.raises(DatasetError, match=r"no frame of it is in m\.csv"):
        join_labels(other, tmp_path / "v.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sequence,frame\ntalk,1\n", "has no column 'viseme'"),
        ("sequence,frame,viseme\ntalk,one,PP\n", "line 2: frame is 'one'"),
        ("sequence,frame,viseme\ntalk,1,PP\ntalk,01,aa\n", "line 3: frame 1 of 'talk' again"),
    ],
)
def test_bad_label_files(tmp_path, text, says):
    (tmp_path / "v.csv").write_text(text)
    manifest = Manifest("m.csv", (Entry(2, "0.obj", "a", "talk", 1, "", {}),), ())
    with pytest.raises(DatasetError, match=says):
        join_labels(manifest, tmp_path / "v.csv")


def test_labelling_looks_at_each_interval_a_few_times():
    """An hour of speech: the time grows with its length, not with its square."""

    class Counted(list):
        looks = 0

        def __getitem__(self, k):
            Counted.looks += 1
            return super().__getitem__(k)

    visemes = Counted(
        Interval(k / 10, (k + 1) / 10, "PP" if k % 2 else "aa") for k in range(36_000)
    )
    frames = label_frames(visemes, 10.0)
    assert frames.labels[:2] == ("aa", "PP")
    assert len(frames.labels) == 36_000
    assert Counted.looks < 10 * 36_000
    with pytest.raises(ValueError, match="more than 10,000,000 are not labelled"):
        label_frames([Interval(0.0, 80_000.0, "aa")], 1000.0)
