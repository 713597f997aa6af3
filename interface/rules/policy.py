"""What the pure core needs to know of a site's settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

HISTORY = "load"
"""The listener's name under which the journal keeps what `load` brings: it is charted, and nothing is requested. Behind a
colon, which no listener's name has, stands the listener as whose it is read, where one was named.
"""


def history_of(listener: str) -> str:
    """What the journal keeps history under that is read as this listener's messages are; '': as of none."""
    return f"{HISTORY}:{listener}" if listener else HISTORY


def is_history(listener: str) -> bool:
    """Whether what the journal keeps under this name was loaded, not received."""
    return listener.startswith(HISTORY) and listener.partition(":")[0] == HISTORY


def reads_as(listener: str) -> str:
    """The listener whose rules, time zone and character set count for what the journal keeps under this name."""
    return listener.partition(":")[2] if is_history(listener) else listener


@dataclass(frozen=True)
class RequestDefaults:
    """`[request]`: what the feed can't know. Empty means: not in the request."""

    response_direct_address: str = ""
    response_fax_number: str = ""
    response_friendly_name: str = ""
    batch_id: str = ""
    clinic_name: str = ""
    clinic_npi: str = ""
    diagnostic_categories: tuple[str, ...] = ()
    summary_months: int = 0
    new_patient_types: tuple[str, ...] = ()
    new_patient: bool | None = None
    """Whether the patient is new, where a site's rule says so; None: by `new_patient_types`."""


@dataclass(frozen=True)
class Filters:
    """`[filters]`: which appointments and persons are for us. Names in upper case; an empty `take` takes all."""

    take_types: frozenset[str] = frozenset()
    leave_types: frozenset[str] = frozenset()
    take_locations: frozenset[str] = frozenset()
    leave_locations: frozenset[str] = frozenset()
    take_providers: frozenset[str] = frozenset()
    leave_providers: frozenset[str] = frozenset()
    test_patients: re.Pattern[str] | None = None
    """Looked for in names and numbers."""

    @property
    def of_appointments(self) -> bool:
        """Whether any of them looks at appointments."""
        return any(
            (
                self.take_types,
                self.leave_types,
                self.take_locations,
                self.leave_locations,
                self.take_providers,
                self.leave_providers,
            )
        )


@dataclass(frozen=True)
class Policy:
    """A site's settings as far as mapping and decisions depend on them. The defaults are those of `explain` without `-c`."""

    environment: str = "sandbox"
    api_version: int = 1
    """1 or 2: which request is composed."""
    mrn_root: str = "2.999.1.1"
    mrn_authority: tuple[str, ...] = ()
    timezone: ZoneInfo | None = None
    """None: dates as written."""
    listener_timezones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    listener_charsets: Mapping[str, str] = field(default_factory=dict)
    default_problem_system: str = ""
    """ICD10, ICD9, SNOMED or empty: what a code without a system is."""
    visit_diagnosis_days: int = 730
    diagnosis_types: tuple[str, ...] = ()
    """Types of diagnosis (DG1-6) that are taken; empty: all."""
    npi_check_digit: bool = True
    unchanged: str = "skip"
    supersede: bool = True
    without_date: str = "chart"
    send_days_before: int = 0
    """How many days before the visit it is asked for; 0: at once."""
    decisions: Mapping[str, str] = field(default_factory=dict)
    """`[forward]` by message type, `ADT^A28` to post, chart or ignore."""
    request: RequestDefaults = RequestDefaults()
    filters: Filters = Filters()
