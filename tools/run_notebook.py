"""Run docs/notebook.ipynb from top to bottom and keep what its cells print and draw.

    python tools/run_notebook.py [NOTEBOOK]

Cells are plain Python, so nothing of Jupyter is needed. Like there, the value of a last line that
is an expression is shown: a PIL picture as PNG, anything else as text.
"""

import ast
import base64
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


def run_cell(code: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Run one cell in a name space; return its outputs in the form of nbformat 4."""
    tree = ast.parse(code, f"cell {number}")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        data: dict[str, Any] = {"text/plain": [repr(value)]}
        if hasattr(value, "_repr_png_"):
            data["image/png"] = base64.b64encode(value._repr_png_()).decode()
            data["text/plain"] = ["a picture"]
        shown = {"output_type": "execute_result", "metadata": {}, "data": data}
        outputs.append({**shown, "execution_count": number})
    return outputs


def run_notebook(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run all cells in the current folder, in one name space; fill in their outputs."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        cell["outputs"] = run_cell("".join(cell["source"]), names, number)
        cell["execution_count"] = number
    return notebook


def main(path: Path) -> None:
    """Run a notebook in a folder of its own and write it back."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            run_notebook(notebook)
        finally:
            os.chdir(here)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK)
