"""In staging nobody but a test patient gets out: by the store, the loop and the couriers as they are, on each engine."""

import pytest

from interface.rules import Policy
from interface.services import roster
from interface.staging.imported import Imported, Medication, Problem
from interface.store.errors import StoreError
from interface.store.schema import test_patients as rows_of_test_patients
from interface.store.store import open_store

ROBIN = Imported(
    "T1",
    "Sample",
    "1970-01-31",
    "Robin",
    problems=(Problem("ICD10", "E11.9", "Type 2 diabetes"),),
    medications=(Medication({"system": "RXNORM", "code": "860975", "label": "Metformin 500 MG"}),),
)
DIABETES = "DG1|1||E11.9^Type 2 diabetes^I10"
GOUT = "DG1|2||M10.9^Gout^I10"
OTHER_PID = "PID|1||T1^^^LFC^MR||{family}^Robin||{birth}|F|||12 Birch Ln^^Madison^WI^53703"


def policy(environment, **more):
    return Policy(environment=environment, mrn_authority=("LFC",), mrn_root="2.999.5", **more)


@pytest.fixture
def staging(store, site_class):
    return site_class(store, policy("staging"))


@pytest.fixture
def elsewhere(store, site_class):
    return lambda environment: site_class(store, policy(environment))


def imports(site, *patients, mode="add"):
    found = site.ask(roster.KIND, **roster.arguments(patients, mode, "0123"))
    assert found.state == "done", found.result
    return found.result


def rebuild(site, *patients):
    assert site.ask("rebuild", patients=list(patients)).state == "done"


def codes(site):
    return [[reason["code"] for reason in one.reasons] for one in reversed(site.store.views.requests())]


def test_before_anybody_is_imported_everybody_is_held(staging):
    staging.book("20260310")
    assert staging.states() == ["held"]
    assert codes(staging) == [["not-test-patient"]]
    assert staging.couriers.sent == []


def test_a_test_patient_goes_out_with_what_was_imported_and_nothing_else(staging):
    assert imports(staging, ROBIN) == {
        "added": 1,
        "changed": 0,
        "unchanged": 0,
        "removed": 0,
        "patients": 1,
    }
    staging.tell("ADT^A08", "PV1|1|O|||||||||||||||||V1", DIABETES, GOUT)
    staging.book("20260310")
    assert staging.states() == ["sending"]
    sent = staging.couriers.sent[-1]
    assert [entry["code"] for entry in sent["activeIcd10Diagnoses"]] == ["E11.9"]
    assert "M10.9" not in str(sent)


def test_one_held_before_the_import_goes_out_once_its_chart_is_rebuilt(staging):
    staging.book("20260310")
    imports(staging, ROBIN)
    assert staging.states() == ["held"]  # the chart stands under the usual key still
    rebuild(staging, 1)
    assert staging.states() == ["sending"]


@pytest.mark.parametrize(
    ("family", "birth"), [("Sampel", "19700131"), ("Sample", "19700130"), ("", "19700131")]
)
def test_a_real_patient_of_the_same_number_shares_nothing_with_him(staging, family, birth):
    imports(staging, ROBIN)
    header = "MSH|^~\\&|APP|FAC|R|R|20260305080000||ADT^A08|R1|P|2.5.1"
    pid = OTHER_PID.format(family=family, birth=birth)
    staging.raw("ADT^A08", "R1", "\r".join((header, pid, "PV1|1|O|||||||||||||||||V9", DIABETES, GOUT)))
    staging.book("20260310")
    assert len(staging.couriers.sent) == 1
    assert "activeIcd10Diagnoses" not in staging.couriers.sent[0]
    assert staging.store.patients.owners(["|T1", "staging-test|T1"]).keys() == {"|T1", "staging-test|T1"}


def test_a_merge_moves_nothing_into_or_out_of_a_test_patients_chart(staging):
    imports(staging, ROBIN)
    staging.tell("ADT^A08", "PV1|1|O|||||||||||||||||V9", DIABETES, patient="T2")
    staging.couriers.free = 0
    staging.book("20260310")
    staging.merge("T1", "T2")  # what T2 had is the usual T1's now, not the test patient's
    staging.couriers.free = 4
    staging.turn()
    assert len(staging.couriers.sent) == 1
    assert "activeIcd10Diagnoses" not in staging.couriers.sent[0]


def test_who_is_removed_is_held_again_and_stays_apart(staging):
    imports(staging, ROBIN)
    staging.couriers.free = 0
    staging.book("20260310")
    assert staging.states() == ["waiting"]
    assert imports(staging, ROBIN, mode="remove")["removed"] == 1
    assert staging.states() == ["held"]
    assert codes(staging) == [["not-test-patient"]]
    rebuild(staging, 1)
    assert staging.states() == ["held"]
    assert "staging-test|T1" in staging.store.patients.owners(["staging-test|T1"])


def test_who_is_forgotten_is_anybody_once_his_chart_is_rebuilt(staging):
    imports(staging, ROBIN)
    staging.couriers.free = 0
    staging.book("20260310")
    imports(staging, ROBIN, mode="forget")
    rebuild(staging, 1)
    assert staging.states() == ["held"]
    assert staging.store.patients.owners(["|T1", "staging-test|T1"]).keys() == {"|T1"}


@pytest.mark.parametrize("environment", ["production-test", "production"])
def test_elsewhere_nothing_of_a_test_patient_goes_out(staging, elsewhere, environment):
    imports(staging, ROBIN)
    staging.couriers.free = 0
    staging.book("20260310")
    other = elsewhere(environment)
    other.turn()
    assert other.states() == ["held"]
    assert codes(other) == [["test-patient"]]
    rebuild(other, 1)
    other.book("20260311")
    assert other.states() == ["superseded", "held"]
    assert codes(other)[-1] == ["test-patient"]
    assert other.couriers.sent == []


def test_what_waited_in_another_environment_does_not_go_out_in_staging(store, elsewhere, staging):
    sandbox = elsewhere("sandbox")
    sandbox.couriers.free = 0
    for patient in ("T1", "T2"):
        sandbox.book("20260310", patient=patient)
    assert sandbox.states() == ["waiting", "waiting"]
    staging.turn()
    assert staging.states() == ["held", "held"]
    assert staging.couriers.sent == []


def test_the_last_look_ends_what_another_node_removed_meanwhile(staging, store, caplog):
    imports(staging, ROBIN)
    staging.couriers.free = 0
    staging.book("20260310")
    # behind the back of this node's loop, which settles nothing because of it
    with store.roster._writing() as connection:
        connection.execute(rows_of_test_patients.update().values(removed_at=1.0))
    staging.couriers.free = 4
    with caplog.at_level("INFO"):
        staging.turn()
    assert staging.couriers.sent == []
    assert staging.states() == ["dead"]
    assert codes(staging) == [["not-test-patient"]]
    assert "not-test-patient request=1" in caplog.text
    assert "Sample" not in caplog.text


def test_while_the_store_does_not_say_who_may_go_nothing_goes(staging, store, monkeypatch):
    imports(staging, ROBIN)
    staging.couriers.free = 0
    staging.book("20260310")
    rows = store.roster.of_numbers

    def fails(_):
        raise StoreError("away")

    monkeypatch.setattr(store.roster, "of_numbers", fails)
    staging.couriers.free = 4
    staging.turn()
    assert staging.couriers.sent == []
    monkeypatch.setattr(store.roster, "of_numbers", rows)
    assert staging.states() == ["waiting"]
    staging.go_on(31)
    assert len(staging.couriers.sent) == 1


def test_release_retry_and_reprocess_let_nobody_out(staging):
    staging.book("20260310")
    for kind in ("release", "retry"):
        staging.ask(kind, requests=[1], who="me", why="")
        assert staging.states() == ["held"], kind
    staging.ask("rebuild", patients=[1], messages=[1], again=True)
    assert staging.states() == ["held"]
    assert staging.couriers.sent == []


def test_importing_the_same_again_changes_nothing(staging):
    imports(staging, ROBIN)
    assert imports(staging, ROBIN)["unchanged"] == 1
    assert imports(staging, mode="replace")["removed"] == 1
    assert imports(staging, ROBIN)["added"] == 1


def test_what_cannot_be_read_is_not_imported(staging):
    for arguments in (
        {},
        {"mode": "add", "source": "", "patients": ["{"]},
        {"mode": "x", "source": "", "patients": []},
    ):
        assert staging.ask(roster.KIND, **arguments).state == "failed"


# ---------------------------------------------------------------- two nodes


@pytest.fixture
def two(clean_store, child_module, site_class):
    """Two nodes of one database, both in staging."""
    url = clean_store(child_module.KEYRING)
    stores, sites = [], []
    for _ in range(2):
        stores.append(open_store(url, child_module.KEYRING))
        stores[-1].nodes.pulse(stores[-1].work.node, "host", daemon=True)
        with stores[-1].nodes._writing() as connection:
            connection.exec_driver_sql("UPDATE nodes SET alive_until = alive_until + 3600")
        sites.append(site_class(stores[-1], policy("staging")))
    sites[1].numbers = sites[0].numbers
    for site in sites:
        site.turn()
    yield sites
    for store in stores:
        store.close()


def test_what_one_node_imports_the_other_goes_by(two):
    one, other = two
    imports(one, ROBIN)
    other.book("20260310")
    assert other.states() == ["sending"]
    assert len(one.couriers.sent) + len(other.couriers.sent) == 1


def test_who_is_removed_on_one_node_does_not_leave_by_the_other(two):
    one, other = two
    imports(one, ROBIN)
    one.couriers.free = other.couriers.free = 0
    one.book("20260310")
    assert one.states() == ["waiting"]
    imports(other, ROBIN, mode="remove")
    one.couriers.free = other.couriers.free = 4
    one.turn()
    other.turn()
    assert one.states() == ["held"]
    assert one.couriers.sent == other.couriers.sent == []


def test_a_stranger_gets_out_by_neither(two):
    one, other = two
    imports(other, ROBIN)
    for site in two:
        site.book("20260310", patient="T2")
        site.turn()
    assert codes(one)[-1] == ["not-test-patient"]
    assert "waiting" not in one.states()
    assert one.couriers.sent == other.couriers.sent == []
