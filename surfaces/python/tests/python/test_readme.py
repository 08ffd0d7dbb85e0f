"""What the READMEs say in Python: it runs, and what stands in a comment behind an expression is what comes out."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
BLOCKS = [
    (page, block)
    for page in (PACKAGE / "README.md", PACKAGE.parents[1] / "README.md")
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    if "import backprove" in block
]


def said(node, lines):
    """The comment behind a statement, or alone below it."""
    last = lines[node.end_lineno - 1][node.end_col_offset :].strip()
    below = lines[node.end_lineno].strip() if node.end_lineno < len(lines) else ""
    return (last or (below if below.startswith("#") else "")).lstrip("# ").split(";")[0]


@pytest.mark.parametrize(
    ("page", "block"), BLOCKS, ids=lambda value: value.parent.name if isinstance(value, Path) else ""
)
def test_the_code_does_what_its_comments_say(page, block):
    names, compared, lines = {}, 0, block.splitlines()
    for node in ast.parse(block).body:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if isinstance(node, ast.Expr):
                shown = repr(eval(ast.unparse(node), names))
            else:
                # Decorated functions are traced, for which they need no source.
                exec(ast.unparse(node), names)
                continue
        shown = printed.getvalue().strip() or shown
        comment = said(node, lines)
        if comment.startswith("… "):
            assert shown.endswith(comment[2:])
        else:
            assert shown == comment
        compared += 1
    assert compared >= 2


def test_there_are_such_blocks():
    assert len(BLOCKS) == 2
