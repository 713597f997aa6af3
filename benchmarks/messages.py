"""A made-up feed: SIU, ADT and RDE of about 1.5 KB each, every one of which leads to one POST.

Message `index` is always the same bytes for the same `now`. Persons, appointments, visits and orders are distinct; an
RDE is for the person whom an SIU booked `LAG` groups before, so that it finds a chart and an appointment.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

LAG = 100
"""Groups (of one SIU, one ADT, one RDE) between a booking and the order for the same person."""
DAYS_AHEAD, SPREAD_DAYS = 14, 60
"""Appointments are so far in the future, and spread over so many days."""

_FIRST_MRN = 10_000_000
_FAMILIES = (
    "Abernathy",
    "Brannigan",
    "Castellan",
    "Dunmore",
    "Ellsworth",
    "Farrow",
    "Grantham",
    "Hollis",
    "Jarrow",
)
_GIVEN = (
    "Odalys",
    "Tobias",
    "Wren",
    "Leopold",
    "Genevieve",
    "Bartholomew",
    "Calla",
    "Piet",
    "Adaeze",
    "Silvio",
)
_STREETS = (
    "Heron Landing Rd",
    "Switchgrass Ln",
    "Quarry Rd",
    "Foundry St",
    "Gull Point Ave",
    "Mill Race Way",
)
_CITIES = (("Madison", "WI", "53703"), ("Cedar Falls", "IA", "50613"), ("Burlington", "VT", "05401"))
_PROBLEMS = (
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    ("I10", "Essential (primary) hypertension"),
    ("J45.40", "Moderate persistent asthma, uncomplicated"),
    ("F41.1", "Generalized anxiety disorder"),
    ("I48.91", "Unspecified atrial fibrillation"),
    ("M54.50", "Low back pain, unspecified"),
    ("E78.5", "Hyperlipidemia, unspecified"),
    ("N18.30", "Chronic kidney disease, stage 3 unspecified"),
    ("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
    ("G43.909", "Migraine, unspecified, not intractable"),
)
_DRUGS = (
    ("861007", "metformin hydrochloride 500 MG Oral Tablet", "500"),
    ("866924", "metoprolol tartrate 25 MG Oral Tablet", "25"),
    ("856377", "trazodone hydrochloride 50 MG Oral Tablet", "50"),
    ("197806", "ibuprofen 600 MG Oral Tablet", "600"),
    ("314076", "lisinopril 10 MG Oral Tablet", "10"),
)

_MSH = "MSH|^~\\&|SPEEDEHR|LAKESIDE|CONNECT|HIE|%(stamp)s||%(type)s|%(id)s|P|2.5.1||||||UNICODE UTF-8\r"
_PID = (
    "PID|1||%(mrn)s^^^LFC^MR~%(other)s^^^HIE^PI||%(family)s^%(given)s^Wren^^^^L||%(born)s|%(sex)s||2106-3^White^CDCREC"
    "|%(house)d %(street)s^Unit %(unit)d^%(city)s^%(state)s^%(zip)s^USA^H"
    "||^PRN^PH^^1^608^55501%(phone)02d~^NET^Internet^p%(mrn)s@mail.example|^WPN^PH^^1^608^55501%(work)02d|eng|M||%(visit)s\r"
)
_PV1 = (
    "PV1|1|O|LFC^Exam %(room)d^^Lakeside Family Clinic|R|||%(npi)s^%(doctor)s^Ingrid^M^^Dr.^MD^^NPI^L^^^NPI"
    "|%(referrer)s^Ysidro^Calla^^^^DO^^NPI^L^^^NPI||FAM||||1||||OP|%(visit)s^^^LFCCSN^VN\r"
)
_DG1 = "DG1|%(n)d||%(code)s^%(label)s^I10||%(date)s|W\r"
_SCH = (
    "SCH|P%(slot)s^SPEEDEHR|%(slot)s^SPEEDEHR|||||Follow-up of problems and medications|OFFICE^Office visit|30|MIN"
    "|^^30^%(date)s%(time)s00^%(date)s%(time)s00|||||SCHED7^Aldana^Priya||||SCHED7^Aldana^Priya|||||Booked^Booked\r"
)
_RESOURCES = (
    "RGS|1|A\r"
    "AIS|1|A|1004^Office visit^SPEEDEHR|%(date)s%(time)s00|||30|MIN\r"
    "AIL|1|A|LFC^Exam %(room)d^^Lakeside Family Clinic|||%(date)s%(time)s00|||30|MIN\r"
    "AIP|1|A|%(npi)s^%(doctor)s^Ingrid^M^^Dr.^MD^^NPI^L^^^NPI|PHYSICIAN^Physician||%(date)s%(time)s00|||30|MIN\r"
)
_EVN = "EVN|A04|%(stamp)s|||OPER7^Aldana^Priya\r"
_PV2 = "PV2||PRIV^Private room|Follow-up of problems and medications|||||%(date)s%(time)s00||||Office visit\r"
_NK1 = (
    "NK1|1|%(family)s^Marisol^^^^^L|SPO^Spouse^HL70063|%(house)d %(street)s^^%(city)s^%(state)s^%(zip)s^USA"
    "|^PRN^PH^^1^608^5550100\r"
)
_IN1 = (
    "IN1|1|PLAN7^Prairie Choice|PC001|Prairie Mutual|PO Box 1200^^%(city)s^%(state)s^%(zip)s^USA||^WPN^PH^^1^608^5550111"
    "|GRP%(room)d||||20240101|||PPO|%(family)s^%(given)s|SEL^Self|%(born)s|||||||||||||||||||POL%(mrn)s\r"
)
_ORDER = (
    "ORC|NW|%(order)s%(n)d^SPEEDEHR|RX%(order)s%(n)d^PHARM||||||%(stamp)s|||%(npi)s^%(doctor)s^Ingrid^M^^Dr.^MD^^NPI^L^^^NPI"
    "|||%(stamp)s||||||Lakeside Family Clinic|2201 Gull Point Ave^^%(city)s^%(state)s^%(zip)s^USA\r"
    "TQ1|1||BID^Twice a day^HL70335||||%(today)s\r"
    "RXE||%(code)s^%(label)s^RXNORM|1||tablet|TAB^Tablet^L|^Take 1 tablet by mouth twice daily with meals|||60|tablet|3"
    "|||||||||||||%(strength)s|mg||||||%(today)s\r"
    "RXR|PO^Oral^HL70162\r"
)
_REMARK = (
    "NTE|1|P|Please bring all medication bottles and the list of readings kept at home since the last visit; "
    "arrive 15 minutes early.\r"
)


def npi(number: int) -> str:
    """A National Provider Identifier of a made-up clinician: nine digits and the valid check digit (Luhn over 80840...)."""
    nine = f"2{number % 10**8:08d}"
    digits = [int(digit) for digit in "80840" + nine]
    doubled = [digit * 2 if place % 2 == 0 else digit for place, digit in enumerate(reversed(digits))]
    return f"{nine}{-sum(value // 10 + value % 10 for value in doubled) % 10}"


_NPIS = tuple(npi(99000000 + 17 * number) for number in range(50))


def _kind(index: int) -> int:
    """0 a booking, 1 a visit, 2 an order."""
    group, kind = divmod(index, 3)
    return 0 if kind == 2 and group < LAG else kind  # nobody is booked yet: one more booking


def person_of(index: int) -> int:
    """Whom a message is about: a booking and a visit of persons of their own, an order of the one booked before."""
    return index - 2 - 3 * LAG if _kind(index) == 2 else index


def mrn_of(index: int) -> int:
    """The MRN that a message tells of, as the requests made of it bear it."""
    return person_of(index) + _FIRST_MRN


def document(size: int) -> bytes:
    """An OBX with an embedded PDF (ED, base64) of so many bytes of text."""
    line = base64.b64encode(bytes(range(255)))
    text = (line * (size // len(line) + 1))[:size]
    return b"OBX|1|ED|PDF^Report^L||SPEEDEHR^AP^PDF^Base64^" + text + b"||||||F\r"


class Feed:
    """Messages by index, for one `now`."""

    def __init__(self, now: datetime) -> None:
        """`now` (aware): the time the messages bear, which the appointments are after."""
        utc = now.astimezone(UTC)
        self._stamp = utc.strftime("%Y%m%d%H%M%S+0000")
        self._today = utc.strftime("%Y%m%d")
        self._dates = [
            (utc + timedelta(days=DAYS_AHEAD + day)).strftime("%Y%m%d") for day in range(SPREAD_DAYS)
        ]
        self._diagnosed = [
            (utc - timedelta(days=30 + 11 * n)).strftime("%Y%m%d") for n in range(len(_PROBLEMS))
        ]
        self._makers: tuple[Callable[[int], str], ...] = (self._booking, self._visit, self._order)

    def message(self, index: int) -> bytes:
        """The message, without framing."""
        return self._makers[_kind(index)](index).encode()

    def framed(self, index: int, more: bytes = b"") -> bytes:
        """The message as MLLP sends it, with further segments."""
        return b"\x0b" + self.message(index) + more + b"\x1c\r"

    def visit(self, index: int, problems: int) -> bytes:
        """An ADT^A04 with so many diagnoses, all of them different."""
        values = self._values(index) | {"type": "ADT^A04^ADT_A01", "id": f"B{index}"}
        lines = "".join(
            _DG1
            % {
                "n": n,
                "code": f"M{10 + n // 10}.{n % 10}",
                "label": f"Made-up condition {n}",
                "date": self._diagnosed[0],
            }
            for n in range(1, problems + 1)
        )
        return ((_MSH + _EVN + _PID + _NK1 + _PV1 + _PV2) % values + lines).encode()

    def order(self, index: int, orders: int) -> bytes:
        """An RDE^O11 with so many orders, all of different drugs."""
        values = self._values(index) | {
            "type": "RDE^O11^RDE_O11",
            "id": f"B{index}",
            "order": 80_000_000 + 1000 * index,
        }
        lines = "".join(
            _ORDER
            % (
                values
                | {
                    "n": n,
                    "code": 100_000 + n,
                    "label": f"made-up drug {n} 5 MG Oral Tablet",
                    "strength": "5",
                }
            )
            for n in range(1, orders + 1)
        )
        return ((_MSH + _PID + _PV1) % values + lines).encode()

    def _values(self, person: int) -> dict[str, object]:
        city, state, code = _CITIES[person % len(_CITIES)]
        return {
            "stamp": self._stamp,
            "today": self._today,
            "mrn": f"{person + _FIRST_MRN}",
            "other": f"X{person + 50_000_000}",
            "family": _FAMILIES[person % len(_FAMILIES)],
            "given": _GIVEN[person % len(_GIVEN)],
            "born": f"{1940 + person % 60}{1 + person % 12:02d}{1 + person % 28:02d}",
            "sex": "FM"[person % 2],
            "house": 100 + person % 900,
            "street": _STREETS[person % len(_STREETS)],
            "unit": 1 + person % 40,
            "city": city,
            "state": state,
            "zip": code,
            "phone": person % 100,
            "work": (person * 7) % 100,
            "room": 1 + person % 9,
            "npi": _NPIS[person % len(_NPIS)],
            "doctor": _FAMILIES[person % len(_NPIS) % len(_FAMILIES)],
            "referrer": _NPIS[-1],
            "visit": f"V{person + 30_000_000}",
            "slot": f"{person + 70_000_000}",
            "date": self._dates[person % SPREAD_DAYS],
            "time": f"{8 + person % 9:02d}30",
        }

    def _problems(self, person: int, count: int) -> str:
        chosen = [(person + 3 * n) % len(_PROBLEMS) for n in range(count)]
        return "".join(
            _DG1
            % {"n": n, "code": _PROBLEMS[row][0], "label": _PROBLEMS[row][1], "date": self._diagnosed[row]}
            for n, row in enumerate(chosen, 1)
        )

    def _booking(self, index: int) -> str:
        values = self._values(index) | {"type": "SIU^S12^SIU_S12", "id": f"B{index}"}
        head, resources = (_MSH + _SCH + _REMARK + _PID + _PV1) % values, _RESOURCES % values
        return head + self._problems(index, 4) + resources

    def _visit(self, index: int) -> str:
        values = self._values(index) | {"type": "ADT^A04^ADT_A01", "id": f"B{index}"}
        return (
            (_MSH + _EVN + _PID + _NK1 + _PV1 + _PV2) % values
            + self._problems(index, 4)
            + (_REMARK + _IN1) % values
        )

    def _order(self, index: int) -> str:
        person = person_of(index)
        values = self._values(person) | {
            "type": "RDE^O11^RDE_O11",
            "id": f"B{index}",
            "order": 80_000_000 + index,
        }
        orders = ""
        for n in (1, 2):
            code, label, strength = _DRUGS[(index + n) % len(_DRUGS)]
            orders += _ORDER % (values | {"n": n, "code": code, "label": label, "strength": strength})
        return (_MSH + _PID + _PV1) % values + orders
