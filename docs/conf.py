"""How Sphinx builds the documentation: `make docs`. Nothing is fetched, and every example is run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE / "_ext")]  # this clone, whatever is installed
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # for kernels
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

from torchmagic import __version__  # noqa: E402

project = "torchmagic"
author = "the torchmagic developers"
copyright = "the torchmagic developers, BSD-3-Clause"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "facts",
    "shell",
]
exclude_patterns = ["_build", "_ext", "jupyter_execute", "**/.ipynb_checkpoints"]
nitpicky = True
nitpick_ignore_regex = [  # other projects' names: their inventories would have to be fetched
    (r"py:.*", r"(torch|numpy|hypothesis|IPython|click|traitlets|nbformat|os|pathlib|collections|typing|abc)\..*"),
    (r"py:.*", r"torchmagic\.(shown\._Record|graph_options\.Wanted)"),  # internal
    (r"py:.*", r"(TensorRecord|GroupRecord|LiveTraced|GraphRecord|Explanation)"),
    (r"py:.*", r"torchmagic\.(graph|live)_records\.(Graph|Live)Record"),
    (
        r"py:.*",
        r"(Shape|Any|Callable|Iterable|Iterator|Literal|Mapping|Path|Sequence|SearchStrategy|st\..*|Strategy|Tensor)",
    ),
]

# -- MyST and notebooks
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "application/json", None)]

# -- docstrings
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# -- the pages
html_theme = "furo"
smartquotes = False  # options begin with two hyphens
html_title = "torchmagic"
html_static_path = ["_static"]
html_css_files = ["magics.css"]
html_js_files = ["access.js"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_exclude = ".linenos, .gp, .go"
