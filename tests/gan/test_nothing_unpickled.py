"""No line of the packages can run what a file says: pickles are not read, in no disguise."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = {"pickle", "cPickle", "_pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
SAFE_LOADS = {"json", "tomllib"}  # their `loads` runs nothing


def calls(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            yield owner, node.func.attr, {word.arg: word.value for word in node.keywords}


def offences(path: Path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (f"import {name}" for name in names if name.split(".")[0] in MODULES)
    for owner, name, words in calls(tree):
        allowed = words.get("allow_pickle")
        if owner == "torch" and name == "load":
            yield "torch.load"
        refused = isinstance(allowed, ast.Constant) and allowed.value is False
        if owner in ("np", "numpy") and name == "load" and not refused:
            yield "np.load without allow_pickle=False"
        if isinstance(allowed, ast.Constant) and allowed.value is True:
            yield "allow_pickle=True"
        if name in ("read_pickle", "to_pickle"):
            yield name
        if name == "loads" and owner not in SAFE_LOADS:
            yield f"{owner}.loads"


def test_no_module_reads_a_pickle():
    paths = [*ROOT.glob("meshkit/**/*.py"), *ROOT.glob("gan/**/*.py"), *ROOT.glob("tools/**/*.py")]
    assert len(paths) > 100
    found = {str(path.relative_to(ROOT)): list(offences(path)) for path in paths}
    assert {path: what for path, what in found.items() if what} == {}


def test_the_search_can_see(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import pickle\nfrom joblib import load\nimport torch, numpy as np\ntorch.load('x')\n"
        "np.load('x')\nnp.load('x', allow_pickle=True)\npickle.loads(b'')\npd.read_pickle('x')\n"
    )
    assert len(list(offences(bad))) == 8
