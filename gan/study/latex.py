"""A table as LaTeX: booktabs, every text escaped, groups of columns below each other."""

import math
import re
from collections.abc import Sequence

from gan.evaluation.estimate import Estimate
from gan.study.quantities import WEAK, Quantity
from gan.study.tables import Row, Table, blocks

MOST_COLUMNS = 8  # beside the names of the rows; more make a second tabular
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
    "²": r"\textsuperscript{2}",
}
_OTHER = re.compile(r"[^\x20-\x7eλ·±√−–²\xa0-\xff]")


def as_latex(table: Table) -> str:
    r"""Return a `table*` to `\input`; it needs the packages booktabs and graphicx."""
    parts = [_tabular(table, block) for block in blocks(table.columns, MOST_COLUMNS)]
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
    kind = table.rows[0].kind if table.rows else ""
    for row in table.rows:
        if row.kind != kind:
            lines.append(r"\midrule")
            kind = row.kind
        lines.append(_row(row, columns, block))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}"])


def _heading(quantity: Quantity) -> str:
    arrow = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}[quantity.better]
    unit = f" ({escape(quantity.unit)})" if quantity.unit else ""
    return f"{escape(quantity.title)}{arrow}{unit}"


def _row(row: Row, columns: Sequence[Quantity], block: Sequence[int]) -> str:
    cells = [escape(row.title) + (f" ({row.seeds} seeds)" if row.seeds > 1 else "")]
    for quantity, k in zip(columns, block, strict=True):
        cell = row.cells[k]
        if cell.value is None:
            cells.append("too weak" if WEAK in cell.why else "--")
            continue
        mean, interval = written(cell.value, quantity)
        text = escape(mean)
        if cell.best:
            text = rf"\textbf{{{text}}}"
        elif cell.tied:
            text = rf"\underline{{{text}}}"
        cells.append(text + (rf" {{\scriptsize {escape(interval)}}}" if interval else ""))
    return " & ".join(cells) + r" \\"


def written(value: Estimate, quantity: Quantity) -> tuple[str, str]:
    """Return a mean and its interval, "" if there is none, as text without the unit."""

    def say(x: float) -> str:
        if quantity.unit == "%":
            return f"{100 * x:.1f}"
        return f"{x:.3g}" if abs(x) >= 1000 else f"{x:.2f}" if abs(x) >= 0.1 else f"{x:.3f}"

    interval = ""
    if math.isfinite(value.low) and math.isfinite(value.high):
        interval = f"[{say(value.low)}, {say(value.high)}]"
    return say(value.mean), interval
