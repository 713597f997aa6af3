"""The models of both versions say what the contract file says, place by place, so that neither can move alone."""

from pathlib import Path

import pytest

from interface.contract import common, v1, v2
from interface.contract.files import contract_file
from interface.contract.versions import CONTRACTS, version

RULES = ("type", "pattern", "minLength", "maxLength", "minItems", "maxItems", "format", "enum")

# Where the models differ on purpose, and what each costs:
# - they refuse fields that the contract does not name (tested below);
# - a None stands for a field that is left out, so optional ones show null as a choice (`follow` drops it);
# - a flag that is left out stays out: the file's `default: false` is the vendor's to fill in (no rule);
# - the rule across fields (MedicalSummaryPeriodRule) is code: tested with the check;
# - `diseaseManagement` (version 2), known from one sample alone, is never sent.
NEVER_SENT = "diseaseManagement"


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
        rules["properties"] = [name for name in schema.get("properties", ()) if name != NEVER_SENT]
    if "enum" in rules:
        rules["enum"] = list(rules["enum"])
    yield path, rules
    for name, inner in schema.get("properties", {}).items():
        if name == NEVER_SENT:
            assert inner["x-unverified"]
            continue
        yield from places(document, inner, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from places(document, schema["items"], f"{path}[]")


CONTRACT = contract_file(1)
ROOTS = {1: v1.ScheduledAppointment, 2: v2.PatientProcessingPanel}
FILES = {number: contract_file(number) for number in ROOTS}
PUBLISHED = {
    number: dict(places(FILES[number], {"$ref": f"#/components/schemas/{model.__name__}"}))
    for number, model in ROOTS.items()
}
SCHEMAS = {number: model.model_json_schema() for number, model in ROOTS.items()}
OURS = {number: dict(places(schema, schema)) for number, schema in SCHEMAS.items()}
PLACES = [(number, place) for number, found in PUBLISHED.items() for place in found]


@pytest.mark.parametrize("number", ROOTS)
def test_the_models_have_the_places_of_the_contract_in_its_order(number):
    assert list(OURS[number]) == list(PUBLISHED[number])
    assert len(PUBLISHED[number]) > 230


@pytest.mark.parametrize(("number", "place"), PLACES, ids=[f"v{n} {p or 'request'}" for n, p in PLACES])
def test_a_place_has_the_rules_of_the_contract(number, place):
    assert OURS[number][place] == PUBLISHED[number][place]


@pytest.mark.parametrize("number", ROOTS)
def test_every_object_of_the_models_refuses_unknown_fields_and_the_file_does_not(number):
    for schema in (SCHEMAS[number], *SCHEMAS[number]["$defs"].values()):
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
    for place in (ROOTS[number].__name__, "Patient", "Address", "Medication", "Directives"):
        assert "additionalProperties" not in FILES[number]["components"]["schemas"][place]


def test_the_clean_text_fields_are_those_of_the_contract():
    pattern = CONTRACT["components"]["schemas"]["CleanText"]["pattern"]
    clean = {place for place, rules in PUBLISHED[1].items() if rules.get("pattern") == pattern}
    assert clean == common.CLEAN_TEXT_FIELDS


def test_the_forbidden_characters_are_those_of_the_contract():
    schemas = CONTRACT["components"]["schemas"]
    assert schemas["CleanText"]["pattern"] == f"^[^{common.CLEAN_TEXT_FORBIDDEN}]*$"
    extension = schemas["MrnIdentifier"]["properties"]["extension"]["pattern"]
    assert extension == f"^[^{common.MRN_FORBIDDEN}]*$"


@pytest.mark.parametrize("number", CONTRACTS)
def test_the_paths_are_those_of_the_contract(number):
    offered = version(number)
    assert {offered.path, offered.check_path} == set(FILES[number]["paths"])


def test_a_panel_holds_as_many_patients_as_the_contract_lets_it():
    panel = FILES[2]["components"]["schemas"]["PatientProcessingPanel"]["properties"]
    assert version(2).most_patients == panel["patientProcessingRequests"]["maxItems"]
    assert version(1).most_patients == 1


def test_the_building_blocks_of_both_versions_are_the_same():
    second = contract_file(2)["components"]["schemas"]
    for name in common.Part.__subclasses__():
        if name.__module__ == common.__name__:
            assert second[name.__name__] == CONTRACT["components"]["schemas"][name.__name__]


def test_the_shipped_files_are_openapi_of_the_named_release():
    for number in (1, 2):
        assert contract_file(number)["openapi"].startswith("3.1")
        assert contract_file(number)["info"]["version"] == "3.5.1-restated.1"
    folder = Path(common.__file__).parent / "data"
    assert len(list(folder.glob("*.yaml"))) == 2
