"""What the settings let into a request is what the contract takes."""

from importlib import resources
from typing import get_args

import yaml

from interface.contract import common
from interface.settings import checks
from interface.settings.sections import Category


def test_the_diagnostic_categories_are_the_contracts() -> None:
    text = (
        resources.files("interface.contract")
        .joinpath("data/connective-health-v1.openapi.yaml")
        .read_text("utf-8")
    )
    schemas = yaml.safe_load(text)["components"]["schemas"]
    assert set(get_args(Category)) == set(schemas["DiagnosticCategories"]["properties"])


def test_clean_text_is_the_contracts() -> None:
    assert set(checks.CLEAN_TEXT_FORBIDDEN) == set(common.CLEAN_TEXT_FORBIDDEN)
