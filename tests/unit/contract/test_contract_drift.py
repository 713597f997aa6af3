"""The models of version 1 say what the contract file says, place by place, so that neither can move alone."""

from pathlib import Path

import pytest

from interface.contract import common, v1
from interface.contract.files import contract_file

RULES = ("type", "pattern", "minLength", "maxLength", "minItems", "maxItems", "format", "enum")

# Where the models differ on purpose, and what each costs:
# - they refuse fields that the contract does not name (tested below);
# - a None stands for a field that is left out, so optional ones show null as a choice (`follow` drops it);
# - a flag that is left out stays out: the file's `default: false` is the vendor's to fill in (no rule);
# - the rule across fields (MedicalSummaryPeriodRule) is code: tested with the check.


def follow(document, schema):
    """The schema with references, allOf and the models' `or null` resolved, annotations gone."""
    found = {}
    for key, value in schema.items():
        if key == "$ref":
            target = document
            for step in value.removeprefix("#/").split("/"):
                target = target[step]
            found.update(follow(document, target))
        elif key == "allOf":
            for part in value:
                found.update(follow(document, part))
        elif key == "anyOf":
            (one,) = [choice for choice in value if choice != {"type": "null"}]
            found.update(follow(document, one))
        else:
            found[key] = value
    return found


def places(document, schema, path=""):
    """Each place of a schema with the rules that hold there."""
    schema = follow(document, schema)
    rules = {name: schema[name] for name in RULES if name in schema}
    if schema.get("type") == "object" or "properties" in schema:
        rules["required"] = sorted(schema.get("required", ()))
        rules["properties"] = list(schema.get("properties", ()))
    if "enum" in rules:
        rules["enum"] = list(rules["enum"])
    yield path, rules
    for name, inner in schema.get("properties", {}).items():
        yield from places(document, inner, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from places(document, schema["items"], f"{path}[]")


CONTRACT = contract_file(1)
PUBLISHED = dict(places(CONTRACT, {"$ref": "#/components/schemas/ScheduledAppointment"}))
OUR_SCHEMA = v1.ScheduledAppointment.model_json_schema()
OURS = dict(places(OUR_SCHEMA, OUR_SCHEMA))


def test_the_models_have_the_places_of_the_contract_in_its_order():
    assert list(OURS) == list(PUBLISHED)
    assert len(PUBLISHED) > 230


@pytest.mark.parametrize("place", PUBLISHED, ids=lambda place: place or "request")
def test_a_place_has_the_rules_of_the_contract(place):
    assert OURS[place] == PUBLISHED[place]


def test_every_object_of_the_models_refuses_unknown_fields_and_the_file_does_not():
    for schema in (OUR_SCHEMA, *OUR_SCHEMA["$defs"].values()):
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
    for place in ("ScheduledAppointment", "Patient", "Address", "Medication", "Directives"):
        assert "additionalProperties" not in CONTRACT["components"]["schemas"][place]


def test_the_clean_text_fields_are_those_of_the_contract():
    pattern = CONTRACT["components"]["schemas"]["CleanText"]["pattern"]
    clean = {place for place, rules in PUBLISHED.items() if rules.get("pattern") == pattern}
    assert clean == common.CLEAN_TEXT_FIELDS


def test_the_forbidden_characters_are_those_of_the_contract():
    schemas = CONTRACT["components"]["schemas"]
    assert schemas["CleanText"]["pattern"] == f"^[^{common.CLEAN_TEXT_FORBIDDEN}]*$"
    extension = schemas["MrnIdentifier"]["properties"]["extension"]["pattern"]
    assert extension == f"^[^{common.MRN_FORBIDDEN}]*$"


def test_the_paths_are_those_of_the_contract():
    assert {v1.PATH, v1.TEST_PATH} == set(CONTRACT["paths"])


def test_the_building_blocks_of_both_versions_are_the_same():
    second = contract_file(2)["components"]["schemas"]
    for name in common.Part.__subclasses__():
        if name.__module__ == common.__name__:
            assert second[name.__name__] == CONTRACT["components"]["schemas"][name.__name__]


def test_the_shipped_files_are_openapi_of_the_named_release():
    for version in (1, 2):
        assert contract_file(version)["openapi"].startswith("3.1")
        assert contract_file(version)["info"]["version"] == "3.5.1-restated.1"
    folder = Path(common.__file__).parent / "data"
    assert len(list(folder.glob("*.yaml"))) == 2
