"""Sphinx: `make docs` builds the pages of docs/ and data/ to build/docs; warnings are errors.

The source folder is the root of the repository, so that links between docs/, data/ and the code
are the same here, in an editor and on a forge.
"""

import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "extensions")]

project = "meshkit and gan"
author = "the meshkit developers"
copyright = f"2026, {author}"
release = metadata.version("meshkit-gan")
version = release.partition("+")[0]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "reference_pages",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "data/**", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "build", "dist", "demo", "runs", "**/*.egg-info", "docs/example_plugin"]
source_suffix = {".md": "markdown"}

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = [
    "myst.header",  # the changelog goes from the first level to the third
    "ref.python",  # "(V, 3), mm" is a shape, not a link to the V of one of our classes
    "toc.empty_glob",  # the pattern takes pages that are new, which there may not be
]

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False
maximum_signature_line_length = 88
python_display_short_literal_types = True

html_theme = "furo"
html_title = f"meshkit and gan {version}"
html_copy_source = False
html_show_sourcelink = False
