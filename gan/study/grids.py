"""Tables of a comparison as HTML: numbers with their intervals, or plain text."""

from collections.abc import Sequence

from gan.evaluation.metric import Column
from gan.report.html import Markup, element, join
from gan.report.tables import written
from gan.study.latex import MAX_COLUMNS
from gan.study.tables import Cell, Row, Table, blocks, brief

ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


def number_grid(table: Table) -> Markup:
    """Show a table of numbers; why one is missing stands below it, once for each reason."""
    reasons: dict[str, int] = {}
    grids = [_block(table, block, reasons) for block in blocks(table.columns, MAX_COLUMNS)]
    listed = [
        element("li", element("sup", str(n)), f" not measured: {why}") for why, n in reasons.items()
    ]
    return join([*grids, element("ul", *listed, class_="notes") if listed else None])


def plain_grid(header: Sequence[str], rows: Sequence[Sequence[str]], style: str = "") -> Markup:
    """Show a table of text; the first of each row is its heading."""
    body = [
        element(
            "tr",
            element("th", cells[0], scope="row"),
            *(element("td", cell) for cell in cells[1:]),
        )
        for cells in rows
    ]
    head = [element("th", name, scope="col") for name in header]
    return _scroll(
        element(
            "table",
            element("thead", element("tr", *head)),
            element("tbody", *body),
            class_=f"study left {style}".strip(),
        )
    )


def _block(table: Table, block: Sequence[int], reasons: dict[str, int]) -> Markup:
    columns, rows, kind = [table.columns[k] for k in block], [], ""
    for row in table.rows:
        first = kind not in ("", row.kind)
        kind = row.kind
        rows.append(_row(row, columns, block, reasons, "first" if first else None))
    head = [
        element(
            "th",
            f"{q.title}{ARROWS[q.better]}",
            element("small", q.unit) if q.unit else None,
            scope="col",
            title=q.meaning,
        )
        for q in columns
    ]
    return _scroll(
        element(
            "table",
            element("thead", element("tr", element("td"), *head)),
            element("tbody", *rows),
            class_="study",
        )
    )


def _scroll(grid: Markup) -> Markup:
    return element("div", grid, class_="scroll", tabindex="0")


def _row(
    row: Row,
    columns: Sequence[Column],
    block: Sequence[int],
    reasons: dict[str, int],
    style: str | None,
) -> Markup:
    seeds = element("small", f"{row.seeds} seeds") if row.seeds > 1 else None
    cells = [_cell(row.cells[k], q, reasons) for k, q in zip(block, columns, strict=True)]
    classes = " ".join(
        name for name in (style, "reference" if row.kind == "reference" else None) if name
    )
    heading = element("th", row.title, seeds, scope="row")
    return element("tr", heading, *cells, class_=classes or None)


def _cell(cell: Cell, column: Column, reasons: dict[str, int]) -> Markup:
    if cell.value is None:
        if not cell.why:
            return element("td", "–", class_="none")
        number = reasons.setdefault(cell.why, len(reasons) + 1)
        text = brief(cell.why) or "–"
        return element("td", text, element("sup", str(number)), class_="none")
    mean, interval = written(cell.value, column.unit)
    shown = element("b", mean) if cell.best else element("u", mean) if cell.tied else mean
    return element("td", shown, element("small", interval) if interval else None)
