"""The reference page is what its generator writes; every public name has a docstring, and types are right."""

import importlib.util
import inspect
from pathlib import Path

import backprove as bp
from backprove import nn, sklearn

DOCS = Path(__file__).parents[2] / "docs"


def generator():
    specification = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_page_is_current():
    module = generator()
    assert module.PAGE.read_text() == module.page(), "run `python docs/reference.py`"


def test_every_public_name_has_a_docstring():
    for module in (bp, nn, sklearn):
        for name in module.__all__:
            value = getattr(module, name)
            assert inspect.getdoc(value), name
            for own, member in vars(value).items() if inspect.isclass(value) else ():
                if inspect.isfunction(member) and not own.startswith("_"):
                    assert inspect.getdoc(getattr(value, own)), f"{name}.{own}"
