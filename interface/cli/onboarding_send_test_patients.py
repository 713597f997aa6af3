"""`onboarding send-test-patients`: messages of all test patients through the site's own listener, and what came of them."""

from __future__ import annotations

import argparse
import ipaddress
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from interface.cli.asking import Site, add_site_arguments, open_site, progress
from interface.cli.common import UsageError
from interface.cli.output import facts, heading, many, print_json, table, tell
from interface.cli.send import address, positive
from interface.cli.stored import reasons_text, releases_text, wants_json
from interface.cli.tls_options import add_tls_options, tls_of
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.cli.mllp import Answer, Place
    from interface.cli.mllp_tls import ClientTLS
    from interface.settings import Settings
    from interface.settings.sections import Listener
    from interface.staging.imported import Imported, Provider
    from interface.staging.messages import Made
    from interface.store.records.lists import MessageSummary, RequestSummary
    from interface.store.records.roster import RosterRow

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
MOST_DAYS = 365
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to connect to, not to bind
"""Where a listener is found that listens everywhere."""
_ON_ITS_WAY = ("waiting", "sending")
_WELL = ("delivered", *_ON_ITS_WAY)
_TAKES = ("sandbox", "staging")
"""Environments in which messages of test patients may go to the site's own listener."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("--only", metavar="MRN", nargs="+", default=[], help="these test patients alone")
    parser.add_argument(
        "--to", metavar="HOST:PORT", type=address, help="where to; else the settings' listener"
    )
    parser.add_argument(
        "--listener", metavar="NAME", help="which listener of the settings (default: the first)"
    )
    parser.add_argument(
        "--days",
        metavar="N",
        type=_days,
        default=None,
        help="how many days ahead the appointment is where the file names none to come (default: 14)",
    )
    parser.add_argument(
        "--again", action="store_true", help="new appointments, so that everything is asked for once more"
    )
    parser.add_argument("--provider-npi", metavar="NPI", help="the clinician where the file names none")
    parser.add_argument("--provider-name", metavar="'FAMILY, GIVEN'", help="and the name")
    parser.add_argument(
        "--timeout", type=positive, default=30.0, metavar="SECONDS", help="for each ACK (default: 30)"
    )
    parser.add_argument(
        "--wait",
        type=positive,
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help=f"how long to wait for decisions and replies (default: {WAIT_SECONDS:g})",
    )
    add_tls_options(parser)
    add_site_arguments(parser)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= MOST_DAYS):
        raise UsageError(f"onboarding send-test-patients: {text!r} is not a number of days up to {MOST_DAYS}")
    return int(text)


@dataclass
class Case:
    """One test patient on his way."""

    patient: Imported
    messages: tuple[Made, ...]
    answers: list[Answer] = field(default_factory=list)
    decided: list[MessageSummary] = field(default_factory=list)
    request: RequestSummary | None = None

    @property
    def taken(self) -> bool:
        """Whether every message was acknowledged."""
        return len(self.answers) == len(self.messages) and all(answer.well for answer in self.answers)

    @property
    def is_decided(self) -> bool:
        """Whether it was decided of every message."""
        return len(self.decided) == len(self.messages) and all(row.state != "new" for row in self.decided)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        on_its_way = self.request is not None and self.request.state in _ON_ITS_WAY
        return not self.taken or (self.is_decided and not on_its_way)

    @property
    def well(self) -> bool:
        """Whether his request went out, or is about to."""
        return self.taken and self.is_decided and self.request is not None and self.request.state in _WELL


def run(args: argparse.Namespace) -> int:
    """Send; 1 when a request of one of them did not go out."""
    with open_site(args) as site:
        if site.settings.site.environment not in _TAKES:
            raise UsageError(
                f'onboarding send-test-patients: [site] environment is "{site.settings.site.environment}", '
                "and test patients are for staging"
            )
        place = _place(site.settings, args)
        cases = _cases(site, args)
        _send(cases, place, args.timeout)
        _wait(site, cases, args.wait)
    if wants_json(args):
        print_json({"to": f"{place.host}:{place.port}", "patients": [_as_json(case) for case in cases]})
    else:
        _show(cases)
    return 0 if all(case.well for case in cases) else 1


def _place(settings: Settings, args: argparse.Namespace) -> Place:
    """Where to send, and how. Raises UsageError."""
    from interface.cli.mllp import Place

    tls = tls_of(args, "onboarding send-test-patients")
    if not args.to:
        return _listener(settings, args.listener, tls)
    host, port = args.to
    return Place(host, port, tls)


def _listener(settings: Settings, name: str | None, tls: ClientTLS | None = None) -> Place:
    """The site's own listener on this machine, by TLS where it has that. Raises UsageError."""
    from interface.cli.mllp import Place

    found = [door for door in settings.listeners if name is None or door.name == name]
    if not found:
        known = ", ".join(door.name for door in settings.listeners)
        raise UsageError(f"onboarding send-test-patients: no listener {name!r}; there are {known}")
    door = found[0]
    if not door.port:
        raise UsageError(f'listener "{door.name}" has any free port: say where it is, --to HOST:PORT')
    host = _ANYWHERE.get(door.host, door.host)
    if _is_kept_out(host, door):
        raise UsageError(
            f'onboarding send-test-patients: listener "{door.name}" does not allow {host}: add it to allow (SIGHUP takes '
            "it), or say --to HOST:PORT"
        )
    if tls is None and door.tls_certificate is not None:
        from interface.cli.mllp_tls import pinned

        tls = pinned(settings.resolve(door.tls_certificate))
    return Place(host, door.port, tls)


def _is_kept_out(host: str, door: Listener) -> bool:
    """Whether the listener closes what comes from this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and not any(address in network for network in door.networks)


# ---------------------------------------------------------------- sending


def _cases(site: Site, args: argparse.Namespace) -> list[Case]:
    """The patients and their messages. Raises InterfaceError when there are none."""
    from interface.services.roster import read
    from interface.staging.messages import DAYS, Sending, messages_of

    rows = [row for row in site.store.roster.all() if row.removed_at is None]
    known = [(row, patient) for row in rows if (patient := read(row)) is not None]
    if not known:
        raise InterfaceError("no test patients are imported: hl7-interface onboarding import-patients FILE")
    wanted = set(args.only)
    if unknown := wanted - {patient.mrn for _, patient in known}:
        raise InterfaceError(f"no test patient {', '.join(sorted(unknown))} is imported")
    now = site.clock.at()
    policy, given = site.engine.policy, _provider(args)
    cases = []
    for row, patient in known:
        if wanted and patient.mrn not in wanted:
            continue
        sending = Sending(
            today=site.engine.today(now),
            at=_moment(site, row, now, again=args.again),
            authority=next(iter(policy.mrn_authority), ""),
            provider=given,
            days=DAYS if args.days is None else args.days,
            run=f"{now.timestamp()}" if args.again else "",
        )
        cases.append(Case(patient, messages_of(patient, sending)))
    if lacking := sum(not case.patient.provider.npi for case in cases) if not given.npi else 0:
        tell(
            f"{many(lacking, 'test patient')} without a clinician in the file, whose requests will be held: give "
            "--provider-npi and --provider-name"
        )
    return cases


def _moment(site: Site, row: RosterRow, now: datetime, *, again: bool) -> datetime:
    """When what the messages say is so: as they were imported, so that sending twice repeats them to the byte."""
    imported = datetime.fromtimestamp(int(row.imported_at), UTC)
    at = now if again or imported > now else imported
    return at.astimezone(site.engine.policy.timezone or UTC)


def _provider(args: argparse.Namespace) -> Provider:
    from interface.staging.imported import Provider

    npi, name = args.provider_npi or "", args.provider_name or ""
    if not npi and not name:
        return Provider()
    if not (npi.isascii() and npi.isdecimal() and len(npi) == 10):
        raise UsageError("onboarding send-test-patients: --provider-npi is not ten digits")
    family, comma, rest = name.partition(",")
    if not comma or not family.strip() or not rest.strip():
        raise UsageError("onboarding send-test-patients: --provider-name is not 'FAMILY, GIVEN'")
    return Provider(npi, family.strip(), rest.strip())


def _send(cases: Sequence[Case], place: Place, timeout: float) -> None:
    """Send everything over one connection, in order. Raises InterfaceError when nobody answers there."""
    from interface.cli.mllp import Outgoing, send_all

    of = {made.control_id: case for case in cases for made in case.messages}
    messages = [
        Outgoing(case.patient.mrn, number, made.raw)
        for case in cases
        for number, made in enumerate(case.messages, start=1)
    ]
    with progress(len(messages), "messages sent") as advance:

        def report(answer: Answer) -> None:
            of[answer.control_id].answers.append(answer)
            advance(1)

        send_all(messages, place, connections=1, timeout=timeout, report=report)


# ---------------------------------------------------------------- what came of it


def _wait(site: Site, cases: Sequence[Case], seconds: float) -> None:
    """Look until everything is decided and no request is on its way, or the time is over."""
    ends = time.monotonic() + seconds
    while True:
        for case in cases:
            if not case.is_over:
                _look(site, case)
        if all(case.is_over for case in cases) or time.monotonic() > ends:
            return
        time.sleep(POLL_SECONDS)


def _look(site: Site, case: Case) -> None:
    from interface.chart.apart import key_of
    from interface.store.records.lists import MessageFilter, RequestFilter

    views = site.store.views
    case.decided = [
        row
        for made in case.messages
        for row in views.messages(MessageFilter(control_id=made.control_id), limit=1)
    ]
    asked = views.requests(RequestFilter(patient_key=key_of(case.patient.mrn)), limit=1)
    case.request = asked[0] if asked else None


def _outcome(case: Case) -> tuple[str, str, str]:
    """What became of him: in a word, why, and what releases it."""
    if not case.taken:
        bad = next((answer for answer in case.answers if not answer.well), None)
        return "not sent", f"{bad.code} {bad.text}".strip() if bad is not None else "no answer", ""
    if not case.is_decided:
        return "not decided", "the daemon has not decided it in time: is its work up? see /readyz", ""
    if case.request is None:
        last = case.decided[-1]
        return str(last.decision or last.state), reasons_text(last.reasons), releases_text(last.reasons)
    reasons = case.request.reasons
    return case.request.state, reasons_text(reasons), releases_text(reasons)


def _as_json(case: Case) -> dict[str, Any]:
    state, why, release = _outcome(case)
    return {
        "mrn": case.patient.mrn,
        "state": state,
        "why": why,
        "release": release,
        "request": case.request.id if case.request is not None else None,
        "correlation_id": case.request.correlation_id if case.request is not None else None,
        "messages": [
            {
                "control_id": made.control_id,
                "type": made.kind,
                "ack": next((a.code for a in case.answers if a.control_id == made.control_id), None),
                "message": row.id if row is not None else None,
                "decision": row.decision if row is not None else None,
                "repeated": row.duplicates if row is not None else 0,
            }
            for made, row in zip(case.messages, [*case.decided, *[None] * len(case.messages)], strict=False)
        ],
    }


def _show(cases: Sequence[Case]) -> None:
    outcomes = [(case, *_outcome(case)) for case in cases]
    columns = ("mrn", "name", "messages", "request", "state", "why")
    rows = [
        (
            case.patient.mrn,
            f"{case.patient.family}, {case.patient.given}".rstrip(", "),
            " ".join(answer.code for answer in case.answers),
            case.request.id if case.request is not None else "",
            state,
            why,
        )
        for case, state, why, _ in outcomes
    ]
    table(columns, rows, right=("request",))
    releases = Counter(release for _, state, _, release in outcomes if release and state not in _WELL)
    if releases:
        heading("what releases them:")
        for release, number in releases.most_common():
            print(f"{number} × {release}")
    states = Counter(state for _, state, _, _ in outcomes)
    heading("in all:")
    facts(dict(sorted(states.items())))
