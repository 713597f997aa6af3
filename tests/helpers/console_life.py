"""A patient's messages in a store, decided as the work decides them, a request that was sent, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime

from console_browser import arrival

from interface.chart.decide import Engine
from interface.chart.model import encode_chart
from interface.chart.outcome import NewRequest
from interface.chart.registry import Registry
from interface.rules import Policy, load_rulebook
from interface.services.joining import joins_of
from interface.services.plan import reasons
from interface.store.records.turn import AttemptDone, MessageDone, NewRequestRow, PatientWrite, Turn
from interface.store.records.webhooks import WebhookArrival
from interface.store.store import Store

FAMILY, MRN, FIRST, SECOND = "Quillfeather", "884422", "ADT-77", "SIU-78"
_HEAD = "MSH|^~\\&|EPIC|LFC|||20260301080000||%s|%s|P|2.5.1\r"
_PID = f"PID|1||{MRN}^^^LFC^MR||{FAMILY}^Ada^M||19710304|F|||12 Elm St^^Madison^WI^53703||(608)555-0142\r"
ADT = (
    _HEAD % ("ADT^A08", FIRST) + "EVN|A08|20260301\r" + _PID + "DG1|1||E11.9^Diabetes^I10||20250101|F\r"
).encode()
SIU = (
    _HEAD % ("SIU^S12", SECOND)
    + "SCH|A1|A1^SCH|||||||||^^^20260310090000\r"
    + _PID
    + "PV1|1|O\rRGS|1\rAIP|1||1234567893^Stone^Ivy^^^^^^NPI^^^^NPI|||20260310090000\rNTE|1||Ring first\r"
).encode()
REFUSED = b'{"error": "patient.birthDate is wrong", "value": "Quillfeather, Ada"}'


def fill_life(
    store: Store, now: float, raws: tuple[bytes, ...] = (ADT, SIU), mrn_root: str = "2.999.5"
) -> int:
    """Messages and the request that the last one asks for: refused once by a full API, then taken in, then found. Gives
    the request's id.
    """
    engine = Engine(load_rulebook(), Policy(mrn_root=mrn_root, mrn_authority=("LFC",)))
    charts = Registry()
    at = datetime.fromtimestamp(now, UTC).replace(year=2026, month=3, day=5)
    patient, request = store.work.next_ids()
    for raw in raws:
        reading = engine.read(raw, received_at=at, listener="main")
        values = {
            "control_id": reading.control_id,
            "message_type": reading.type,
            "raw": raw,
            "received_at": now,
        }
        message = store.journal.append([arrival(1, **values)], now)[0].id
        outcome = engine.decide(reading, charts.find(reading.keys), now=at, new_id=lambda: request)
        charts.keep(reading, outcome)
        new = [change for change in outcome.requests if isinstance(change, NewRequest)]
        rows = [
            NewRequestRow(
                request, patient, message, one.appointment, one.state, one.body, one.detail, one.appointment_date,
                reasons=reasons(one.reasons),
            )
            for one in new
        ]  # fmt: skip
        done = MessageDone(
            message,
            "done",
            outcome.decision,
            reasons(outcome.reasons),
            outcome.note,
            patient,
            request if new else None,
        )
        chart = encode_chart(next(iter(charts.find(reading.keys).values())))
        write = PatientWrite(patient, chart, message == 1, (f"|{MRN}",) if message == 1 else ())
        store.work.commit(Turn(now + 1, messages=[done], patients=[write], requests=rows))
    for status, verdict, state, reply in (
        (500, "server-error", "waiting", REFUSED),
        (200, "delivered", "delivered", None),
    ):
        (claimed,) = store.work.claim(now + 100, 1)
        attempt = AttemptDone(
            claimed.request_id, claimed.patient_id, now + 2, now + 3, status, verdict, "said", state,
            correlation_id="API-1" if status == 200 else None, reply=reply,
        )  # fmt: skip
        store.work.commit(Turn(now + 3, attempts=[attempt]))
    store.inbox.append([WebhookArrival(b"{}", "patient.found", b"c", "peer", now + 60, "API-1")], now + 60)
    store.work.commit(
        Turn(now + 60, joins=joins_of(store.work.new_webhooks(10)), hold=store.work.take_turn())
    )
    return request
