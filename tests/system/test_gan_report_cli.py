"""`gan report` as a user calls it; the page as a browser reads it."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest

import gan.report
from tests.gan.conftest import blobs
from tests.html_page import Page

BUNDLE = Path(gan.report.__file__).with_name("viewer.js")


@pytest.fixture(scope="module", autouse=True)
def small_pictures():
    """Nobody looks at the pictures of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan.report.page.TILE", (24, 20))
        patch.setattr("gan.report.mapping.SIZE", 64)
        yield


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory):
    """The report of a run that was never evaluated."""
    from click.testing import CliRunner

    from gan.cli import main

    path = tmp_path_factory.mktemp("report") / "report.html"
    result = CliRunner().invoke(main, ["report", str(trained), "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{path}: ")
    assert not (trained / "report.html").exists()
    return Page(path.read_text(encoding="utf-8"))


def test_it_stands_alone(page):
    """Nothing points out of the page; a browser is to load nothing, and to run our script alone."""
    (policy,) = [m["content"] or "" for m in page.all("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; img-src data:")
    assert page.script.strip() == BUNDLE.read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert [p.strip() for p in policy.split(";") if "script" in p] == [
        f"script-src 'sha256-{digest}'"
    ]
    assert page.all("script") == [{}]
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "base", "form"}
        for name, value in attributes.items():
            assert name not in {"srcset", "action"}
            assert name != "href" or (value or "").startswith("#")
            assert not name.startswith("on")
            if name == "src":
                assert (value or "").startswith("data:image/webp;base64,")
            elif name != "content":
                assert "url(" not in (value or "")


def test_it_shows_everything(page, trained):
    assert page.headings == [
        "A face to turn and move",
        "Real and generated",
        "Identity × expression",
        "One code at a time",
        "From face to image",
        "Metrics",
        "People never seen",
        "Losses",
        "Data",
        "Origin",
    ]
    alts = [image["alt"] or "" for image in page.all("img")]
    # 16 on top, the viewer's, 6 + 6 side by side, 7 rows of 3 expressions, 4 strips of 7, layout,
    # checker, 3 + 3.
    assert len(alts) == 16 + 1 + 12 + 21 + 28 + 2 + 6
    assert all(alts)
    assert sum(alt.startswith("real face") for alt in alts) == 6
    drawn = {(svg["aria-label"] or "").split(" over ")[0] for svg in page.all("svg")}
    lines = (trained / "metrics.jsonl").read_text().splitlines()
    terms = {term for line in lines for term in json.loads(line)} - {"step", "seconds"}
    together = {f"critic/{faces}" for faces in ("training", "held_out", "generated")}
    assert drawn == terms - together | {"mean scores of the critic"}
    assert "training meshes of blobs.h5; 200 samples, 1000 pairs, seed 0" in page.text
    assert "60 train, 12 test" in page.text
    assert "critic_steps = 2" in page.text


def test_equal_runs_make_equal_pages(gan, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    gan("evaluate", tmp_path / "run", "--samples", 20, "--pairs", 20)
    pages = []
    for name in ("a.html", "b.html"):
        assert gan("report", tmp_path / "run", "-o", tmp_path / name).exit_code == 0
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert "20 samples, 20 pairs" in pages[0].decode()
    gan("report", tmp_path / "run", "-o", tmp_path / "c.html", "--seed", 1)
    assert (tmp_path / "c.html").read_bytes() != pages[0]


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'


def test_names_are_text_wherever_they_come_from(gan, tmp_path, monkeypatch):
    """Labels, subjects, file names, provenance, log and metrics that try to be markup."""
    from gan.training.loop import train
    from tests.gan.conftest import tiny

    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    names = {
        "identity": [f"{EVIL}{i}" for i in range(6)],
        "expression": ["neutral", f"</td>{EVIL}", "javascript:alert(3)\x00\x1b"],
    }
    folder = tmp_path / "<b onload=alert(4)>&"
    folder.mkdir()
    data = blobs(folder / f"<script>{'x' * 3}.h5", names=names, provenance={EVIL: [EVIL]})
    run = folder / "$run <script>alert(5)<"
    train(tiny(), data, run, device="cpu")
    record = json.loads((run / "run.json").read_text())
    record["versions"][EVIL], record["device"] = EVIL, EVIL
    (run / "run.json").write_text(json.dumps(record))
    with (run / "metrics.jsonl").open("a") as log:
        log.write(json.dumps({"step": 7, f"d/classification_{EVIL}": 1.0, EVIL: 2.0}) + "\n")
    with (run / "config.toml").open("a") as config:
        config.write(f"# </pre>{EVIL}\n")
    assert gan("evaluate", run, "--samples", 20, "--pairs", 20).exit_code == 0
    evaluation = run / "evaluation.json"
    found = json.loads(evaluation.read_text())
    found["skipped"][EVIL] = EVIL
    found["model"]["step"] = found["dataset"]["name"] = EVIL
    evaluation.write_text(json.dumps(found))
    result = gan("report", run)
    assert result.exit_code == 0, result.output
    text = (run / "report.html").read_text(encoding="utf-8")
    assert EVIL not in text
    page = Page(text)
    assert page.all("script") == [{}]
    assert page.script.strip() == BUNDLE.read_text(encoding="utf-8").strip()
    (viewer,) = [a["data-face"] or "" for a in page.all("figure") if "data-face" in a]
    labels = [c["name"] for g in json.loads(viewer)["groups"] for c in g["choices"]]
    assert f"</td>{EVIL}" in labels  # which the script shows as text
    assert not [a for _, a in page.tags if {"onerror", "onload"} & a.keys()]
    assert all((image["src"] or "").startswith("data:") for image in page.all("img"))
    assert page.text.count(EVIL) >= 8  # it is there, as text
    assert "\x00" not in text
    assert "\x1b" not in text


def test_without_its_data_the_page_says_so(gan, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"dataset": "/nowhere/faces.h5"}))
    result = gan("report", run)
    assert result.exit_code == 0, result.output
    assert "note: /nowhere/faces.h5 is not there any more" in result.stderr
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    assert "The data set of this run, faces.h5, was not at hand." in page.text
    assert "Real and generated" not in page.text
    assert "Metrics" not in page.text


def test_a_log_cut_short_is_read_as_far_as_it_goes(gan, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "metrics.jsonl").write_text(
        '{"step": 1, "seconds": 1, "loss": 2}\nnonsense\n[1]\n{"step": 2, "loss": NaN}\n'
        '{"step": 3, "seconds": 70, "loss": 1e400}\n{"step": 4, "loss": 1.5, "name": "x"}\n{"st'
    )
    assert gan("report", run).exit_code == 0
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    drawn = [svg["aria-label"] for svg in page.all("svg")]
    assert drawn == ["loss over iterations; the last is 1.5"]
    assert "0:01:10" in page.text


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("run.json", "{", "run.json is damaged"),
        ("run.json", None, "is not a run directory: it has no run.json"),
        ("config.toml", "[[", "config.toml is not TOML"),
        ("config.toml", None, "config.toml: No such file or directory"),
        ("evaluation.json", "{}", "evaluation.json is damaged"),
    ],
)
def test_damaged_files_of_a_run_are_named(fails, trained, tmp_path, file, text, message):
    run = shutil.copytree(trained, tmp_path / "run")
    if text is None:
        (run / file).unlink()
    else:
        (run / file).write_text(text)
    assert message in fails("report", run)
    assert not (run / "report.html").exists()


def test_what_does_not_fit_is_named(fails, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    coarse = blobs(tmp_path / "coarse.h5", rings=5)
    assert "coarse.h5: other topology" in fails("report", run, coarse)
    assert "is a folder" in fails("report", run, "-o", tmp_path)
    assert "no such run directory" in fails("report", tmp_path / "none")
