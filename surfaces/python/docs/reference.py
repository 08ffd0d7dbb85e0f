"""Writes `reference.md`, beside this file, from the package's docstrings and the language's table of functions."""

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path

import backprove as bp
from backprove import _native, nn, sklearn

PAGE = Path(__file__).with_name("reference.md")


def signature(value, name):
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return name
    # Annotations are texts.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return f"{name}{text}".replace("self, ", "").replace("(self)", "()")


def described(value):
    """The docstring, its examples as code."""
    lines, code = [], False
    for line in inspect.getdoc(value).splitlines():
        if line.startswith(">>>") and not code:
            lines.append("```python")
            code = True
        elif not line.strip() and code:
            lines.append("```")
            code = False
        lines.append(line)
    return "\n".join(lines + ["```"] * code)


def fields(value):
    """The fields of a data class, with the texts that stand under them."""
    body = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0].body
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            yield f"- `{ast.unparse(field)}`: {' '.join(text.value.value.split())}"


def members(value):
    if is_dataclass(value):
        yield from fields(value)
    for name, member in vars(value).items():
        if name.startswith("_") and name not in ("__call__", "__matmul__"):
            continue
        # `available_if` of scikit-learn keeps the function beside its condition.
        function = member.fget if isinstance(member, property) else getattr(member, "fn", member)
        if inspect.isfunction(function) and function.__doc__:
            shown = name if isinstance(member, property) else signature(function, name)
            yield f"- `{shown}`: {' '.join(inspect.getdoc(function).split())}"


def section(level, title, value):
    parts = [f"{'#' * level} {title}", described(value)]
    if inspect.isclass(value):
        parts.append("\n".join(members(value)))
    return "\n\n".join(part for part in parts if part)


def page():
    parts = [
        "# Reference",
        "Written by `reference.py` from the docstrings and the language's table of functions; a test holds it to them.",
        "## `backprove`",
    ]
    for name in bp.__all__:
        value = getattr(bp, name)
        if not inspect.ismodule(value):
            title = f"`{signature(value, name)}`" if inspect.isfunction(value) else f"`{name}`"
            parts.append(section(3, title, value))
    for module in (nn, sklearn):
        parts.append(f"## `{module.__name__}`\n\n{described(module)}")
        parts += [section(3, f"`{name}`", getattr(module, name)) for name in module.__all__]
    parts.append("## Functions of the language\n\nDerivatives may mention the arguments and the result, `y`.")
    rows = ["| function | meaning | definition, or derivative by each argument |", "| --- | --- | --- |"]
    for name, arguments, prose, formulas in _native.functions():
        shown = ", ".join(f"`{formula}`" for formula in formulas)
        rows.append(f"| `{name}({', '.join(arguments)})` | {prose} | {shown} |".replace("||", "|"))
    parts.append("\n".join(rows))
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(_native.modules()))
    parts.append(f"Modules of the standard library: {names}.")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
