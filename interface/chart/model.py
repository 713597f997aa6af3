"""A patient's chart: every fact known of him with its source, his problems, orders and appointments.

It is stored as one sealed document (`interface.chart.packing`). Entries are frozen and replaced, never changed, so a copy
of the chart is cheap and a decision that fails leaves the old chart as it was.

`gc=False`: none leads back to itself, and the collector need not look at a thousand charts (40 us a message).
"""

from __future__ import annotations

import msgspec

from interface.chart.packing import is_json, packed
from interface.rules.facts import Fact, Leaf

VERSION = 1
PERSON = "P:"
"""The key of the entry that stands for requests without a date, which are about the person alone."""
NO_VISIT = "V:"
"""The key of a visit without a number; many patients have one."""


STATE_UNSAID = "0"
"""Before every time."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One coded problem as one visit, the problem list, or neither stated it.

    One that has ended stays, so that nothing older brings it back: `interface.chart.problems.standing` judges it.
    """

    system: str
    """ICD10, ICD9 or SNOMED."""
    code: str
    label: str
    leaves: tuple[Leaf, ...]
    """`.code` and `.displayName` with their sources."""
    rule: str
    at: str
    message: str
    visit: str = ""
    date: Fact | None = None
    active: bool = True
    """False once something said that it is not, which is `ended`; that time ends it is not in here."""
    listed: bool = False
    """Of the problem list (PRB, a site's Z-segment): it does not grow old."""
    instance: str = ""
    """What the sender knows it by (PRB-4, DG1-20)."""
    ended: Fact | None = None
    """What said that it is not active, with its source."""
    resolved: Fact | None = None
    """The day it was or will be resolved (PRB-9); of no value: HL7 null took that day back."""
    gone: str = ""
    """`removed` (never was so), `withheld` (confidential), or `recoded` (an end under a code that it no longer has): it is
    not shown at all."""
    account: str = ""
    released_at: str = ""
    """When the sender last said that it is not confidential."""
    state_at: str = ""
    """Of a listed one: when something said that it is active or has ended; empty: `at`. `STATE_UNSAID`: nothing has."""
    withheld_in: str = ""
    """Of one that is withheld, in whichever visit: the visit whose message said that it is confidential."""
    dated_at: str = ""
    """When its date was last corrected (`CO` in PRB-1): no date from before that counts."""
    named: Fact | None = None
    """As `Fact.named`."""

    @property
    def state_since(self) -> str:
        """When its state was said."""
        return self.state_at or self.at

    def is_over(self, day: str) -> bool:
        """Whether the day on which it is resolved (PRB-9) has come by that day (`yyyy-MM-dd`)."""
        return self.resolved is not None and self.resolved.value is not None and self.resolved.value <= day

    @property
    def coding(self) -> str:
        """System and code in one text, as `Chart.coded_together` has them."""
        return f"{self.system}|{self.code}"


Since = tuple[str, str]
"""When something was another last, and since when it is what it is; that is empty where one statement alone says so."""
NEVER_ANOTHER: Since = ("", "")


class Given(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a pharmacy gave out of an order last."""

    product: Fact
    """An NDC."""
    name: Fact | None = None
    """What it was called."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One pharmacy order through its life."""

    ids: tuple[str, ...]
    """What it is known by: `P:` placer, `F:` filler, `R:` prescription number; `D:` its drug when it has none of them."""
    facts: dict[str, Fact]
    at: str
    ended: bool = False
    ended_leaf: Leaf | None = None
    """What opened or ended it last, as provenance of `active`."""
    ended_message: str = ""
    visit: str = ""
    ended_rule: str = ""
    state_at: str = ""
    """When it was opened or ended last."""
    account: str = ""
    unsaid: bool = False
    """Known by a dispense, or by what has no ORC-1: what opens or ends it counts, however late it comes."""
    added: bool = False
    """Nothing has stated it yet: what does goes before all that is known of it, however late it comes."""
    replaces: Fact | None = None
    """The order that it has taken the place of (RO, ORC-8), whatever was said of it since."""
    drug_since: Since = NEVER_ANOTHER
    """Of its drug."""
    name_since: Since = NEVER_ANOTHER
    """Of what its drug is called: another name may be another product."""
    given: Given | None = None
    product: Fact | None = None
    """The product as it is stated, where something was given out; among `facts` is that of the two which counts."""

    @property
    def state_since(self) -> str:
        """When its state was said."""
        return self.state_at or self.at


class Discharge(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The end of a visit (A03), which ends its inpatient orders."""

    at: str
    message: str
    rule: str
    inpatient: bool = True
    """PV1-2 says inpatient, or nothing."""
    cancelled: bool = False
    """It was taken back (A13): no older A03 that comes late ends anything."""


OPEN = ("waiting", "held")
"""States in which a request may still be changed."""
DISCARDED = "discarded"
"""The state of a request that a person has given up."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The last request that was made for an appointment."""

    id: int
    state: str
    """waiting (or since then sent), held, closed, discarded (a person gave it up)."""
    digest: bytes
    rewritten: bool = False
    """The open request was composed anew after it was made; whether that version was sent is not known here."""
    beside: tuple[int, ...] = ()
    """Earlier requests of the appointment that were not superseded (`[forward] supersede = false`)."""
    released: bool = False
    """A person has released the appointment's requests though the patient is protected."""
    chosen: int = 0
    """The round of the production test that it was chosen for; 0: for none."""
    written: bytes = b""
    """Of one that was composed anew: the digest of how it stands now, if it was not sent before."""
    day: str = ""
    """The appointment's day when it was let out last, and the environment (`2026-03-10@production`): for these it is not
    held for the time again. Empty: none, or it was let out before this was noted."""
    api_version: int = 1
    """The version of the API in whose shape the open ones are."""


class Appointment(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A booked appointment (SIU), a visit that ADT names, or the person where no date is known."""

    key: str
    at: str
    facts: dict[str, Fact]
    status: str = "booked"
    """booked, cancelled, or other (complete, pending, wait-listed)."""
    asked: Asked | None = None
    account: str = ""
    """The account it is billed to (PID-18)."""
    status_at: str = ""
    """When something booked or cancelled it last, `STATE_UNSAID`: nothing has. News of it do neither.

    Empty: of a visit that nothing has, and of an appointment in a chart of before.
    """
    by_placer: bool = False
    """Known by the placer's number (SCH-1), since no message has given the filler's (SCH-2) yet."""
    visit: str = ""
    """The visit that the messages of an appointment name (PV1-19), or for which the person was asked for."""
    trial: bool = False
    """Its last message was none of production (MSH-11): it was taken elsewhere, where every value is."""

    @property
    def status_since(self) -> str:
        """When its state was said; of an appointment in a chart of before when anything was."""
        return self.status_at or ("" if self.is_visit or self.is_person else self.at)

    @property
    def is_visit(self) -> bool:
        """Named by ADT, not booked by SIU."""
        return self.key.startswith("V:")

    @property
    def visit_number(self) -> str:
        """The visit it is, or belongs to; empty when not known."""
        return self.key[2:] if self.is_visit else self.visit

    @property
    def is_person(self) -> bool:
        """No appointment: what is asked for the person without a date (version 2 of the API)."""
        return self.key == PERSON

    @property
    def date(self) -> str:
        """Its day, `yyyy-MM-dd`; empty when not known."""
        fact = self.facts.get("upcomingAppointmentDate")
        return str(fact.value) if fact is not None and fact.value is not None else ""


class Chart(msgspec.Struct, omit_defaults=True, gc=False):
    """What is known of one patient."""

    keys: list[str]
    """`AUTHORITY|NUMBER`: the patient's own, then those that merges have retired; empty: the number moved elsewhere."""
    version: int = VERSION
    patient: dict[str, Fact] = {}
    problems: list[Problem] = []
    orders: list[Order] = []
    appointments: dict[str, Appointment] = {}
    snapshots: dict[str, str] = {}
    """Visit number to the time of its last list of diagnoses."""
    coded_together: list[tuple[str, ...]] = []
    """`ICD10|F10.20`, `SNOMED|7200002` …: codes that were sent for one diagnosis. What withholds one withholds all."""
    removed: dict[str, str] = {}
    """Visit number (empty: the person) to the time at which it was taken out (A23, A29): nothing older comes back."""
    discharges: dict[str, Discharge] = {}
    """Visit number to its end; an empty number for one that was not named."""
    gained: dict[str, str] = {}
    """Key to the time at which the number moved here from another person (A43): what is older is not this one's."""
    renumbered: dict[str, tuple[str, str]] = {}
    """Visit number to the one that took its place (A42, A50 …), and when: later messages may still bear the old one."""

    led_to: list[str] = []
    """Keys of persons whose charts one message changed together with this one (A43 to A45, merges of several): that message
    is among those of the first of them, and without it this chart can't be made anew."""
    accounts_gone: dict[str, str] = {}
    """Account to the time at which it moved to another person (A44): nothing older of it is taken here."""
    own_since: str = ""
    """When a merge last made the first of `keys` the patient's own; empty: none has, or none since this is noted."""

    def copy(self) -> Chart:
        """A chart that can be changed without changing this one."""
        return Chart(
            list(self.keys),
            self.version,
            dict(self.patient),
            list(self.problems),
            list(self.orders),
            dict(self.appointments),
            dict(self.snapshots),
            list(self.coded_together),
            dict(self.removed),
            dict(self.discharges),
            dict(self.gained),
            dict(self.renumbered),
            list(self.led_to),
            dict(self.accounts_gone),
            self.own_since,
        )


_decode = msgspec.msgpack.Decoder(Chart).decode
_read = msgspec.json.Decoder(Chart).decode


def encode_chart(chart: Chart) -> bytes:
    """The chart as bytes, to be sealed. Raises UnicodeEncodeError."""
    return packed(chart)


def decode_chart(document: bytes) -> Chart:
    """The chart of a stored document. Raises msgspec.ValidationError or DecodeError for anything else."""
    return _read(document) if is_json(document) else _decode(document)


change = msgspec.structs.replace
"""A frozen entry with some parts replaced."""
