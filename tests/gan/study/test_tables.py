"""The tables, and the files that they become: the evaluations' numbers, marked and escaped."""

import csv
import io
import json
import math
import re

import numpy as np
import pytest

from gan.errors import DatasetError
from gan.evaluation.estimate import Estimate
from gan.evaluation.result import Evaluation
from gan.sections import MetricConfig
from gan.study.export import CSV_COLUMNS, as_csv
from gan.study.figures.figure import Figure
from gan.study.latex import as_latex, escape
from gan.study.page import FILES, build_page, is_comparison, write_comparison
from gan.study.results import CompareSettings, read_bounds
from gan.study.tables import table1, table2
from tests.gan.study.handmade import ALL, comparison, evaluation, facts, full, near, paper, result
from tests.html_page import Page

EVIL = """</style><script>alert(1)</script>"'&=${x}\\input{/etc/passwd}%_#"""


def cell(table, model, key):
    (row,) = (row for row in table.rows if row.name == model)
    return row.cells[[q.key for q in table.columns].index(key)]


def best(table, key):
    return [row.name for row in table.rows if cell(table, row.name, key).best]


def test_rows_and_columns_stand_in_the_paper_s_order():
    table = table1(paper())
    assert [row.title for row in table.rows] == [
        "training data",
        "without regularizer",
        "without identity classifier",
        "without expression classifier",
        "without feature loss",
        "3DMM",
        "MAE",
        "CoMA",
        "Ours",
    ]
    titles = [q.title for q in table.columns]
    judged = [f"{what}-{f}" for f in ("Id", "Exp") for what in ("Dec", "same", "unrelated", "area")]
    assert titles[:12] == [*judged, "Div", "Div-Id", "Div-Exp", "Sp."]


def test_cells_are_the_evaluations_numbers():
    found = paper(ours=full(specificity=near(1.25, 0.5, n=77)))
    table, second = table1(found), table2(found)
    numbers = full()
    for key in ("decoupling.identity", "unrelated.expression", "own.identity", "leak.expression"):
        assert cell(table, "ours", key).value == numbers[key.replace(".", "_")]
    assert cell(table, "ours", "specificity").value == near(1.25, 0.5, n=77)
    assert cell(table, "ours", "reconstruction.held-out").value == numbers["held_out"]
    assert cell(table, "ours", "reconstruction.seen").value == numbers["seen"]
    assert cell(table, "training", "specificity").value == near(2.9)
    assert cell(table, "training", "decoupling.identity").value == near(0.93)
    assert cell(table, "training", "reconstruction.seen").value is None
    assert cell(second, "coma", "sparse λ = 1").value == near(3.0)
    assert cell(second, "template", "sparse λ = 0").value == near(5.0)


def test_the_best_of_a_column_by_its_direction():
    found = paper()
    table, second = table1(found), table2(found)
    assert best(table, "decoupling.identity") == ["3dmm"]
    assert best(table, "specificity") == ["3dmm"]
    # The data's is 6.5: a model with more than that is no better than one with less.
    more = table1(paper(coma={"diversity_any": 9.0}, mae={"diversity_any": 6.4}))
    assert best(more, "diversity.any") == ["mae"]
    assert best(second, "sparse λ = 0") == [
        *("no-regularizer", "no-identity-classifier", "no-expression-classifier"),
        *("no-feature-loss", "ours"),
    ]
    close = table1(paper(ours={"decoupling_identity": 0.975}))
    assert cell(close, "ours", "decoupling.identity").tied
    assert not cell(close, "mae", "decoupling.identity").tied
    alone = table1(comparison(result("ours", evaluation(full()))))
    assert not any(c.best or c.tied for row in alone.rows for c in row.cells)


def test_a_perfect_model_wins_and_a_collapsed_one_is_not_taken_for_it():
    perfect = full(specificity=0.001, decoupling_identity=0.99, diversity_any=6.5)
    one_face = full(
        specificity=0.002,
        decoupling_identity=0.0,
        same_identity=1.0,
        unrelated_identity=1.0,
        decoupling_expression=0.0,
        same_expression=1.0,
        unrelated_expression=1.0,
        diversity_any=0.0,
    )
    found = comparison(result("mae", evaluation(one_face)), result("ours", evaluation(perfect)))
    table = table1(found)
    for key in ("decoupling.identity", "same.expression", "diversity.any", "specificity"):
        assert best(table, key) == ["ours"]
    assert cell(table, "mae", "same.identity").value.mean == 1.0
    assert not cell(table, "mae", "same.identity").tied


def test_a_weak_judge_is_shown_as_such_and_gives_no_number(tmp_path):
    weak = "judges too weak: accuracy 60.0% at 5.0% false acceptances, wanted 85%"
    numbers = full(decoupling_expression=None, same_expression=None, unrelated_expression=None)
    found = evaluation(numbers)
    found.metrics["decoupling"] = found.metrics["decoupling"]._replace(skipped={"expression": weak})
    table = table1(comparison(result("ours", found), result("mae", found)))
    assert cell(table, "ours", "decoupling.expression") == (None, weak, False, False)
    assert f"Decoupling, expression: {weak}." in table.notes
    assert "judges too weak &" in as_latex(table)
    whole = comparison(result("ours", found))
    page = build_page(whole, (table1(whole), table2(whole)))
    assert "judges too weak<sup>" in page
    assert f"not measured: {weak}" in page


def test_what_was_not_asked_for_has_no_columns_and_is_said():
    settings = CompareSettings(metrics=(MetricConfig(name="diversity"),))
    table = table1(comparison(result("ours", evaluation(full())), settings=settings))
    assert [q.metric for q in table.columns] == ["diversity"] * 3
    assert any(note.startswith("Not asked for: specificity, model-free") for note in table.notes)


def test_a_metric_that_failed_says_why():
    why = "the data set has no landmarks"
    found = evaluation(full(), skipped={"sparse": why, "generalisation": "no held-out meshes"})
    whole = comparison(result("ours", found))
    assert cell(table1(whole), "ours", "reconstruction.seen").why == "no held-out meshes"
    assert table2(whole).columns == ()
    assert f"Sparse was not measured: {why}." in table2(whole).notes


def test_seeds_are_pooled_and_it_is_said():
    seeds = [evaluation(full(specificity=x)) for x in (2.0, 4.0)]
    found = comparison(result("ours", *seeds), result("mae", seeds[0]))
    table = table1(found)
    pooled = cell(table, "ours", "specificity").value
    assert (pooled.mean, pooled.n, pooled.unit) == (3.0, 200, "seeds")
    assert pooled.high > 4
    notes = " ".join(table.notes)
    assert "Ours (seeds 0, 1)" in notes
    assert "The other models were trained with one seed" in notes
    assert "All models were trained with one seed" in " ".join(table1(paper()).notes)


def test_csv_says_everything_again():
    table = table1(paper())
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == len(table.rows) * len(table.columns)
    for row in rows:
        c = cell(table, row["model"], row["quantity"])
        if c.value is None:
            assert row["mean"] == ""
            continue
        numbers = [float(row[name]) for name in ("mean", "low", "high", "standard_error")]
        assert numbers == [c.value.mean, c.value.low, c.value.high, c.value.standard_error]
        assert (int(row["n"]), row["best"] == "1") == (c.value.n, c.best)
        assert row["unit"] in ("mm", "1", "")


def test_a_spreadsheet_takes_no_name_for_a_formula():
    evil = result("=cmd()", evaluation(full()))
    (row, *_) = [
        r
        for r in csv.DictReader(io.StringIO(as_csv(table1(comparison(evil)))))
        if r["kind"] == "other"
    ]
    assert row["model"] == "'=cmd()"


@pytest.mark.parametrize("found", [paper(), comparison(result(EVIL, evaluation(full())))])
def test_latex_is_balanced(found):
    for table in (table1(found), table2(found)):
        text = as_latex(table)
        for begin, end in ((r"\begin{", r"\end{"), ("{", "}")):
            plain = text.replace(r"\{", "").replace(r"\}", "")
            assert plain.count(begin) == plain.count(end)
        tabulars = re.findall(
            r"\\begin\{tabular\}\{(l(r+))\}(.*?)\\end\{tabular\}", text, re.DOTALL
        )
        assert sum(len(spec[1]) for spec in tabulars) == len(table.columns)
        for spec, _, body in tabulars:
            lines = [line for line in body.splitlines() if line.endswith(r"\\")]
            assert len(lines) == 1 + len(table.rows)
            assert all(len(re.findall(r"(?<!\\)&", line)) == len(spec) - 1 for line in lines)
        assert text.isascii()
    assert r"\input" not in as_latex(table1(found))


def test_latex_escapes_what_it_must():
    assert escape(r"a_b & 5% \x{y} λ ≥") == r"a\_b \& 5\% \textbackslash{}x\{y\} $\lambda$ ?"


def test_names_and_labels_are_inert_on_the_page():
    numbers = evaluation(full(), skipped={"decoupling": EVIL})
    evil = result(EVIL, numbers, runs=(facts(EVIL, commit=EVIL, trained_on=EVIL, device=EVIL),))
    found = comparison(evil, result("ours", numbers))
    figure = Figure("x", EVIL, EVIL, np.zeros((4, 4, 3), np.uint8))
    page = build_page(found, (table1(found), table2(found)), [figure])
    read = Page(page)
    assert read.all("script") == read.handlers() == []
    assert page.count("<style>") == page.count("</style>") == 1
    assert "Content-Security-Policy" in page


def test_the_page_holds_verdicts_tables_pictures_and_origin():
    found = paper(mae={"specificity": 2.0})
    picture = Figure("faces", "Faces of all", "what to see", np.zeros((8, 8, 3), np.uint8))
    absent = Figure("none", "No picture", "three factors: no run", None)
    page = build_page(found, (table1(found), table2(found)), [picture, absent])
    assert len(Page(page).all("img")) == 1
    assert page.count('class="badge holds"') == 1 + 8  # and one in the tally
    assert page.count('class="badge fails"') == 1 + 1
    for text in (
        "Faces of all",
        "three factors: no run",
        "abc123",
        "c0ffee",
        "Table 2.",
        "0:01:30",
    ):
        assert text in page
    titles = ("Table 1.", "Table 2.", "claims hold here", "Side by side", "Faces of all", "Origin")
    places = [page.index(f"{title}", page.index("</nav>")) for title in titles]
    assert places == sorted(places)
    assert "http" not in page.replace("http-equiv", "")


def test_a_folder_of_files(tmp_path):
    found = paper()
    picture = Figure("faces", "Faces", "", np.full((8, 8, 3), 7, np.uint8))
    write_comparison(found, tmp_path / "c", [picture])
    assert {p.name for p in (tmp_path / "c").iterdir()} == {*FILES, "figures"}
    assert all(is_comparison(p) for p in (tmp_path / "c").iterdir())
    (tmp_path / "c" / "figures" / "notes.txt").write_text("mine")
    assert not is_comparison(tmp_path / "c" / "figures")
    assert not is_comparison(tmp_path / "notes.txt")
    record = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert [c["verdict"] for c in record["claims"]] == ["HOLDS"] * 9
    ours = next(m for m in record["models"] if m["name"] == "ours")
    stored = ours["runs"][0]["evaluation"]
    assert stored == json.loads(json.dumps(found.result("ours").evaluations[0].as_dict()))
    (tmp_path / "e.json").write_text(json.dumps(stored))
    assert Evaluation.load(tmp_path / "e.json").metrics["specificity"].values["model"] == near(3.0)
    shown = next(row for row in record["table1"]["rows"] if row["model"] == "ours")
    assert shown["cells"]["specificity"]["value"]["mean"] == 3.0


def test_any_number_of_factors():
    found = paper()
    three = type(found)(found.results, found.dataset, (*found.factors, "viseme"), ALL, None)
    table = table1(three)
    assert cell(table, "ours", "decoupling.viseme").value is None
    assert "Div-Vis" in [q.title for q in table.columns]
    specs = re.findall(r"\\begin\{tabular\}\{l(r+)\}", as_latex(table))
    assert sum(map(len, specs)) == len(table.columns)
    assert max(map(len, specs)) <= 8


def test_other_data_is_said():
    stranger = facts("elsewhere", fingerprint="0" * 64, trained_on="other.h5")
    found = comparison(result("ours", evaluation(full()), runs=(stranger,)))
    assert "runs/elsewhere was trained on other data, other.h5." in table1(found).notes


def test_what_is_not_finite_is_no_number():
    ill = full(own_identity=Estimate(math.nan, math.nan, 10))
    found = comparison(result("ours", evaluation(ill)), result("mae", evaluation(full())))
    assert cell(table1(found), "ours", "own.identity").value is None
    write = json.dumps(as_json_of(found), allow_nan=False)
    assert "NaN" not in write


def as_json_of(found):
    from gan.study.export import as_record

    return as_record(found)


def test_settings_name_every_option():
    settings = CompareSettings(metrics=(MetricConfig(name="sparse", options={"priors": [0.0]}),))
    found = comparison(result("ours", evaluation(full())), settings=settings)
    assert found.as_settings()["options"] == {"sparse": {"priors": [0.0]}}
    assert "{&#39;priors&#39;: [0.0]}" in build_page(found, (table1(found), table2(found)))


def test_what_a_transfer_can_reach_stands_above_the_models(tmp_path):
    """Bounds have numbers in the column of transfer alone, and rows in its block alone."""
    bounds = {"oracle": near(0.3), "addition": near(0.6)}
    found = comparison(result("ours", evaluation(full())), bounds=bounds)
    table = table1(found)
    assert [row.title for row in table.rows] == ["training data", "addition", "oracle", "Ours"]
    assert cell(table, "oracle", "transfer").value == near(0.3)
    place = [q.key for q in table.columns].index("transfer")
    titles = [row.title for row in table.rows_in([place])]
    assert titles == ["training data", "addition", "oracle", "Ours"]
    assert [row.title for row in table.rows_in([0])] == ["training data", "Ours"]
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["quantity"] for row in rows if row["model"] == "oracle"] == ["transfer"]
    assert "addition" in build_page(found, (table, table2(found)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fingerprint": "x"}, "is about other data"),
        ({"errors_mm": {"oracle": {"mean": 1}}}, "is damaged .KeyError"),
        ({"errors_mm": [1]}, "is damaged .AttributeError"),
    ],
)
def test_what_an_oracle_stored_is_read_or_refused(dataset, changes, says):
    file = dataset.path.with_name(f"{dataset.path.stem}.oracle.json")
    assert read_bounds(dataset) == {}
    errors = {"oracle": {"mean": 0.3, "low": 0.2, "high": 0.4}}
    facts = {"fingerprint": dataset.fingerprint, "transfers": 60, "errors_mm": errors}
    file.write_text(json.dumps(facts))
    (bound,) = read_bounds(dataset).values()
    assert (bound.mean, bound.low, bound.high, bound.n) == (0.3, 0.2, 0.4, 60)
    file.write_text(json.dumps(facts | changes))
    with pytest.raises(DatasetError, match=says):
        read_bounds(dataset)
