"""Manifests: what is read is what was written; every mistake is named with its line."""

import numpy as np
import pytest

from gan.datasets.importing.manifest import (
    Entry,
    Manifest,
    classes_of,
    natural_order,
    read_manifest,
    write_manifest,
)
from gan.errors import DatasetError

ENTRIES = (
    Entry(2, "a/1.obj", "a", "", None, "train", {"expression": "happy"}),
    Entry(3, "a/2,3.obj", "a", "talk", 0, "train", {"viseme": "PP"}),
    Entry(4, 'a/"4".obj', "a", "talk", 10, "train", {}),
    Entry(5, "b/1.obj", "b", "", 3, "test", {"expression": "neutral", "viseme": "rest"}),
)
MANIFEST = Manifest("m.csv", ENTRIES, ("expression", "viseme"))


def test_written_and_read_back(tmp_path):
    write_manifest(tmp_path / "m.csv", MANIFEST)
    assert read_manifest(tmp_path / "m.csv") == MANIFEST


def test_parquet_is_read_as_csv(tmp_path):
    """Numbers and missing values too: a frame column with gaps is floating point in Parquet."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "path": [e.path for e in ENTRIES],
            "subject": [e.subject for e in ENTRIES],
            "sequence": [e.sequence or None for e in ENTRIES],
            "frame": [float("nan") if e.frame is None else float(e.frame) for e in ENTRIES],
            "split": [e.split for e in ENTRIES],
            "expression": [e.labels.get("expression") for e in ENTRIES],
            "viseme": [e.labels.get("viseme", "") for e in ENTRIES],
        }
    )
    parquet.write_table(table, tmp_path / "m.parquet")
    found = read_manifest(tmp_path / "m.parquet")
    assert [e._replace(line=e.line + 1) for e in found.entries] == list(ENTRIES)
    assert found.factors == MANIFEST.factors
    (tmp_path / "m.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(DatasetError, match="not a Parquet file, or damaged"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("path,subject\n", "lists no mesh"),
        ("path,person\na.obj,x\n", "has no column 'subject'"),
        ("path,subject,path\na,b,c\n", "two columns are called 'path'"),
        ("path,subject,action unit\na,b,c\n", "column 'action unit'"),
        ("path,subject\na.obj,x\nb.obj\n", "line 3: 1 values for 2 columns"),
        ("path,subject\na.obj,x\n,y\n", "line 3: path is empty"),
        ("path,subject\na.obj,\n", "line 2: subject is empty"),
        ("path,subject\na.obj,x\n\na.obj,y\n", "line 4: a.obj is in line 2 already"),
        ("path,subject,frame\na.obj,x,1.5\n", "line 2: frame is '1.5'"),
        ("path,subject,frame\na.obj,x,99999999999\n", "line 2: frame is '99999999999'"),
        ("path,subject,sequence\na.obj,x,s\n", "line 2: sequence 's' without a frame"),
        (
            "path,subject,sequence,frame\na.obj,x,s,1\nb.obj,x,s,01\n",
            "line 3: frame 1 of sequence 's' of subject 'x' is in line 2 already",
        ),
        ("path,subject,split\na.obj,x,training\n", "line 2: split is 'training'"),
        ("path,subject,split\na.obj,x,test\nb.obj,x,\n", "line 3: subject 'x' is in split 'none'"),
        ('path,subject\n"a.obj,x\n', "line 2: "),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, text, says):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"m\.csv") as raised:
        read_manifest(tmp_path / "m.csv")
    assert says in str(raised.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "m.xlsx").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"known are \.csv \.parquet"):
        read_manifest(tmp_path / "m.xlsx")
    (tmp_path / "m.csv").write_bytes("path,subject\nä,x".encode("latin-1"))
    with pytest.raises(DatasetError, match="UTF-8"):
        read_manifest(tmp_path / "m.csv")


def test_a_spreadsheet_mark_and_spaces_do_no_harm(tmp_path):
    (tmp_path / "m.csv").write_bytes("\ufeffpath, subject\n a.obj ,x\n".encode())
    assert read_manifest(tmp_path / "m.csv").entries == (Entry(2, "a.obj", "x", "", None, "", {}),)


def test_rest_comes_first_and_numbers_count():
    assert classes_of(ENTRIES, "expression") == ["neutral", "happy"]
    names = [f"AU{k}" for k in np.random.default_rng(0).permutation(12)]
    assert sorted(names, key=natural_order) == [f"AU{k}" for k in range(12)]


def test_characters_that_are_no_digits_or_no_names(tmp_path):
    assert natural_order("x²") < natural_order("y")  # a digit to Unicode, not to int
    assert len(natural_order("9" * 9000)) == 3
    path = tmp_path / "m.csv"
    path.write_text("path,subject\na\0.obj,a\n")
    with pytest.raises(DatasetError, match="line 2: path holds a character"):
        read_manifest(path)


def test_labels_that_differ_by_case_or_spaces_are_reported(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("path,subject,expression\na,S 1,happy\nb,s1,Happy\nc,s2,sad\n")
    with pytest.warns(UserWarning, match="differ by case") as said:
        read_manifest(path)
    assert [str(warning.message).partition(" and are")[0] for warning in said] == [
        "m.csv: subject 'S 1' and 's1' differ by case or spaces only",
        "m.csv: expression 'Happy' and 'happy' differ by case or spaces only",
    ]
