"""A table as LaTeX: booktabs, every text escaped, groups of columns below each other."""

import re
from collections.abc import Sequence

from gan.evaluation.metric import Column
from gan.report.tables import written
from gan.study.tables import Row, Table, blocks, brief

MAX_COLUMNS = 8  # beside the names of the rows; more make a second tabular
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "λ": r"$\lambda$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "√": r"$\surd$",
    "−": r"$-$",
    "–": "--",
    "‰": r"\textperthousand{}",
    "²": r"\textsuperscript{2}",
}
_OTHER = re.compile(r"[^\x20-\x7eλ·±√−–‰²\xa0-\xff]")


def as_latex(table: Table) -> str:
    r"""Return a `table*` to `\input`; it needs the packages booktabs and graphicx."""
    parts = [_tabular(table, block) for block in blocks(table.columns, MAX_COLUMNS)]
    notes = " ".join(escape(text) for text in (table.caption, *table.notes))
    return "\n".join(
        [
            r"% \usepackage{booktabs,graphicx}",
            r"\begin{table*}",
            r"\centering",
            "\n\\medskip\n\n".join(parts) if parts else r"\emph{not measured}",
            rf"\caption{{{escape(table.title)}. {notes} Bold: best of the column; underlined: "
            "cannot be told from it.}",
            rf"\label{{tab:{table.name}}}",
            r"\end{table*}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Return a text that LaTeX shows as it is; what its fonts lack becomes a question mark."""
    return "".join(_SPECIAL.get(c, c) for c in _OTHER.sub("?", text))


def _tabular(table: Table, block: Sequence[int]) -> str:
    columns = [table.columns[k] for k in block]
    head = [_heading(q) for q in columns]
    lines = [
        r"\resizebox{\linewidth}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(block)}}}",
        r"\toprule",
        " & ".join(["", *head]) + r" \\",
        r"\midrule",
    ]
    rows = table.rows_in(block)
    kind = rows[0].kind if rows else ""
    for row in rows:
        if row.kind != kind:
            lines.append(r"\midrule")
            kind = row.kind
        lines.append(_row(row, columns, block))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}"])


def _heading(column: Column) -> str:
    arrows = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "reference": r" $\to$"}
    arrow = arrows.get(column.better, "")
    unit = f" ({escape(column.unit)})" if column.unit else ""
    return f"{escape(column.title)}{arrow}{unit}"


def _row(row: Row, columns: Sequence[Column], block: Sequence[int]) -> str:
    cells = [escape(row.title) + (f" ({row.seeds} seeds)" if row.seeds > 1 else "")]
    for column, k in zip(columns, block, strict=True):
        cell = row.cells[k]
        if cell.value is None:
            cells.append(escape(brief(cell.why)) or "--")
            continue
        mean, interval = written(cell.value, column.unit)
        text = escape(mean)
        if cell.best:
            text = rf"\textbf{{{text}}}"
        elif cell.tied:
            text = rf"\underline{{{text}}}"
        cells.append(text + (rf" {{\scriptsize {escape(interval)}}}" if interval else ""))
    return " & ".join(cells) + r" \\"
