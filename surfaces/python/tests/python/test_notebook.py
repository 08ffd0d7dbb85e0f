"""The notebook is executed anew: no cell fails, each says what it says in the file, and derivations are typeset."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tour.ipynb"


def said(cell):
    """What a cell printed and showed as text."""
    outputs = cell.get("outputs", [])
    return [output.get("text") or output.get("data", {}).get("text/plain") for output in outputs]


def test_the_notebook_is_as_executed():
    stored = nbformat.read(NOTEBOOK, as_version=4)
    executed = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(executed, timeout=300).execute()
    nbformat.validate(executed)
    for own, fresh in zip(stored.cells, executed.cells, strict=True):
        assert said(own) == said(fresh)
    shown = [output["data"] for cell in executed.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("<math" in data.get("text/html", "") for data in shown) >= 4
    assert sum("text/latex" in data for data in shown) >= 4
