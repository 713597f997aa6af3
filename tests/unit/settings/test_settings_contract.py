"""What the settings let into a request is what the contract takes."""

from importlib import resources
from typing import get_args

import pytest
import yaml

from interface.contract import common
from interface.contract.versions import CONTRACTS, version
from interface.settings import checks
from interface.settings.model import POST_PATHS, VERSION_PATHS
from interface.settings.sections import Api, Category


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


@pytest.mark.parametrize("number", CONTRACTS)
def test_the_paths_are_the_contracts(number: int) -> None:
    assert VERSION_PATHS[number] == version(number).path
    assert POST_PATHS[number, "production-test"] == version(number).check_path


def test_a_panel_may_be_as_large_as_the_contracts() -> None:
    Api(version=2, batch=version(2).most_patients)
    with pytest.raises(ValueError, match="batch"):
        Api(version=2, batch=version(2).most_patients + 1)
