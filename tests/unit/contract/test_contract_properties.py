"""Made-up requests by the thousand: what the models write is valid by the contract file, and both refuse the same."""

import copy
import json
import string
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interface.contract import texts, v1, v2
from interface.contract.versions import version
from interface.sandbox.judge import Judge, whole_text

TODAY = date(2026, 3, 5)
JUDGE = Judge()
SCHEMAS = {
    1: v1.ScheduledAppointment.model_json_schema(),
    2: v2.PatientProcessingRequest.model_json_schema(),
}
SPEED = settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CLEAN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='<>"%;+@()'), max_size=12)
DAYS = st.dates(date(1902, 1, 1), TODAY).map(date.isoformat)
BY_PATTERN = {
    texts._CLEAN: CLEAN,
    texts._MRN: CLEAN,
    texts._STATE_AS_PUBLISHED: st.one_of(
        st.text(string.ascii_letters, min_size=2, max_size=2), st.sampled_from(["", " ", "\n"])
    ),
    texts._ZIP_AS_PUBLISHED: st.integers(1, 99999).map("{:05}".format),
}
BY_FORMAT = {
    "date": DAYS,
    "email": st.sampled_from(["a@direct.example.org", "x.y-z@example"]),
    "double": st.one_of(
        st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False, width=32)
    ),
    "int32": st.integers(-(2**31), 2**31 - 1),
}


def from_schema(schema, whole):
    """A strategy for JSON values that the models' own schema describes; `whole` has its definitions."""
    if "$ref" in schema:
        return from_schema(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return from_schema(schema["anyOf"][0], whole)
    kind = schema["type"]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind == "object":
        required = set(schema.get("required", ()))
        fields = {name: from_schema(inner, whole) for name, inner in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: made for name, made in fields.items() if name in required},
            optional={name: made for name, made in fields.items() if name not in required},
        )
    if kind == "array":
        return st.lists(from_schema(schema["items"], whole), min_size=schema.get("minItems", 0), max_size=2)
    if "format" in schema:
        return BY_FORMAT[schema["format"]]
    if kind == "boolean":
        return st.booleans()
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    made = BY_PATTERN[schema["pattern"]] if "pattern" in schema else ANY_TEXT
    if most is not None:
        return st.text(min_size=least, max_size=most, alphabet=st.characters(exclude_categories=["Cs"]))
    return made.map(lambda text: text or "x") if least else made


def with_category(request):
    """A summary period only where a category is on."""
    directives = request.get("directives", {})
    if True not in directives.get("diagnosticCategories", {}).values():
        request.pop("medicalSummaryPeriod", None)
        directives.pop("medicalSummaryPeriod", None)
    return request


REQUESTS = {number: from_schema(schema, schema).map(with_category) for number, schema in SCHEMAS.items()}
NUMBERED = st.sampled_from([1, 2])


def by_file(number, request):
    """Field to what the contract file says of a request; of version 2, as the one entry of a panel."""
    document = request if number == 1 else {"patientProcessingRequests": [request]}
    place = "" if number == 1 else "patientProcessingRequests[0]."
    problems = JUDGE.by_jsonschema(number, document, TODAY)
    return {problem.field.removeprefix(place): problem.text for problem in problems}


def paths(value, before=()):
    """Every place of a JSON value, as keys and positions."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*before, key)
            yield from paths(inner, (*before, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield (*before, number)
            yield from paths(inner, (*before, number))


REPLACEMENTS = [
    "", " ", "\n", "x", "<", "a;b", "(", "12207\n", "00000", "00000\n", "1220", "١٢٣٤٥", "12207-0001", "N", "NY\n",
    "\u00a0", "2026-02-30", "20260305", "2026-03-05T00:00:00", "2026-W10-4", "2026-03-06", "1901-03-04",
    "1901-03-05", "a@b", "a@b@c", "a @b", "@", "female", "MALE", "QD", "1234567893", "12345678901",
    0, 1, -1, 2**31, 2**31 - 1, 10**400, 0.5, True, False, [], [None], {}, ["x"], {"x": 1}, None,
]  # fmt: skip


@st.composite
def made(draw):
    """A version and a valid request of it."""
    number = draw(NUMBERED)
    return number, draw(REQUESTS[number])


@st.composite
def mutated(draw):
    """A version, and a valid request with one place changed or taken away."""
    number, request = copy.deepcopy(draw(made()))
    *before, last = draw(st.sampled_from(list(paths(request))))
    place = request
    for step in before:
        place = place[step]
    change = draw(st.sampled_from(["drop", "replace", "append"]))
    if change == "drop":
        del place[last]
    elif change == "append" and isinstance(place[last], str):
        place[last] += draw(st.sampled_from(list('<>"%;+@()\n x')))
    else:
        place[last] = draw(st.sampled_from(REPLACEMENTS))
    return number, request


def without_nulls(value):
    """What the models read: a null stands for a field that is left out."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def has_unknown_field(violations):
    return any(violation.text.endswith("is not a field of the contract") for violation in violations)


@given(made())
@SPEED
def test_what_the_models_write_is_valid_by_the_contract_file(numbered):
    number, request = numbered
    body, violations = version(number).validated(request, TODAY)
    assert violations == ()
    assert json.loads(body) == request
    sent = json.loads(version(number).wrap([body], ""))
    assert JUDGE.by_jsonschema(number, sent, TODAY) == ()


@given(made())
@SPEED
def test_what_is_checked_field_by_field_is_written_as_the_whole_would_be(numbered):
    number, request = numbered
    model = {1: v1.ScheduledAppointment, 2: v2.PatientProcessingRequest}[number]
    whole = model.model_validate(request, context={"today": TODAY}).model_dump_json(exclude_none=True)
    assert version(number).validated(request, TODAY)[0] == whole.encode()
    assert version(number).validated(copy.deepcopy(request), TODAY)[0] == whole.encode()


@given(st.lists(REQUESTS[2], min_size=1, max_size=3), CLEAN)
@settings(parent=SPEED, max_examples=50)
def test_a_panel_of_what_the_models_write_is_valid_by_the_contract_file(requests, batch_id):
    sent = json.loads(v2.panel([v2.body(request, TODAY) for request in requests], batch_id))
    assert sent["patientProcessingRequests"] == requests
    assert sent.get("batchId", "") == batch_id
    assert JUDGE.judge(2, sent, TODAY) == ()


@given(mutated())
@settings(parent=SPEED, max_examples=600)
def test_models_and_contract_file_refuse_the_same(numbered):
    number, request = numbered
    _, by_models = version(number).validated(request, TODAY)
    if has_unknown_field(by_models):
        return  # ours alone refuse these
    told = by_file(number, without_nulls(request))
    assert bool(by_models) == bool(told) or too_large_for_json(request), (by_models, told)


def too_large_for_json(request):
    """A number that no double holds: the file's `number` has no bound, JSON readers do."""
    return "0" * 309 in json.dumps(request)


@given(mutated())
@settings(parent=SPEED, max_examples=400)
def test_the_fields_that_the_models_name_are_those_the_contract_file_names(numbered):
    number, request = numbered
    _, by_models = version(number).validated(request, TODAY)
    if has_unknown_field(by_models) or too_large_for_json(request):
        return
    told = by_file(number, without_nulls(request)).keys()
    ours = {violation.field for violation in by_models}
    # the file may name the whole where the models name the part that lacks the category, and the other way round
    for field in ours ^ told:
        assert field.startswith("directives"), (ours, told)


def test_the_zip_that_is_checked_is_the_zip_that_is_published():
    checked, published = whole_text(texts._ZIP), whole_text(texts._ZIP_AS_PUBLISHED)
    for number in range(100_000):
        text = f"{number:05}"
        assert bool(checked(text)) == bool(published(text)) == (number != 0)


@given(st.text(st.sampled_from("ANYny \t\n\r\x0b\f\x1c\u00a0\u2003é0"), max_size=4))
@SPEED
def test_the_state_that_is_checked_is_the_state_that_is_published(text):
    checked, published = whole_text(texts._STATE), whole_text(texts._STATE_AS_PUBLISHED)
    assert bool(checked(text)) == bool(published(text))


@given(st.integers(-3, 3))
def test_the_oldest_and_the_youngest_birth_date_are_the_same_for_both(days):
    for edge in (TODAY, date(1901, 3, 5), date(1904, 2, 29)):
        for today in (TODAY, date(2029, 3, 1), date(2029, 2, 28), date(2028, 2, 29)):
            request = {"patient": {"birthDate": (edge + timedelta(days)).isoformat()}}
            ours = "patient.birthDate" in {violation.field for violation in v1.check(request, today)}
            theirs = "patient.birthDate" in {problem.field for problem in JUDGE.judge(1, request, today)}
            assert ours == theirs
