"""A test patient as imported: who he is, his problems and medications, and whether something of a request is his."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from interface.chart.apart import Apart, Who, who
from interface.rules.types.ndc import ndc11

_SYSTEMS = {
    "ICD10": "icd10 icd10cm icd10cmdx icd10dx i10 i10c i10cdx 2.16.840.1.113883.6.90 2.16.840.1.113883.6.3",
    "ICD9": "icd9 icd9cm icd9dx i9 i9c i9cdx 2.16.840.1.113883.6.103",
    "SNOMED": "snomed snomedct sct sct2 snm 2.16.840.1.113883.6.96",
    "RXNORM": "rxnorm rxn rxcui rxnormcui 2.16.840.1.113883.6.88",
    "NDC": "ndc ndc11 ndc10 ndcid nationaldrugcode 2.16.840.1.113883.6.69",
}
_NAMES = {name: system for system, names in _SYSTEMS.items() for name in names.split()}
_MARKS = re.compile(r"[^a-z0-9.]+")


def system_of(text: str) -> str:
    """A coding system under the one name that it is compared by: ICD10, ICD9, SNOMED, RXNORM, NDC, else as it was given."""
    plain = text.strip().lower().removeprefix("urn:oid:")
    return _NAMES.get(_MARKS.sub("", plain), text.strip().upper())


class Coding(msgspec.Struct, frozen=True):
    """A code ready to compare; of one without a code its label in lower case."""

    system: str
    code: str
    label: str


NOTHING = Coding("", "", "")
"""Equal to nothing."""


def coding(system: str, code: str, label: str) -> Coding:
    """Systems under one name, codes without dots and blanks (E11.9 and e119 are one), an NDC as eleven digits."""
    known = system_of(system)
    plain = code.strip().upper()
    if known == "NDC":
        plain = ndc11(plain) or plain
    elif known.startswith("ICD") or not known:
        plain = plain.replace(".", "")
    return Coding(known, plain.replace(" ", ""), " ".join(label.split()).casefold())


def same(one: Coding, other: Coding) -> bool:
    """Whether two name one thing: by code where both have one, and system where both name it; else by label."""
    if one.code and other.code:
        systems = one.system == other.system or not one.system or not other.system
        return systems and one.code.replace(".", "") == other.code.replace(".", "")
    return bool(one.label) and one.label == other.label


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One problem as the file has it."""

    system: str = ""
    code: str = ""
    label: str = ""
    date: str = ""
    """`yyyy-MM-dd`, as exact as it was given."""

    @property
    def coding(self) -> Coding:
        """Ready to compare."""
        return coding(self.system, self.code, self.label)


class Medication(msgspec.Struct, frozen=True, omit_defaults=True):
    """One medication as the file has it."""

    cells: dict[str, str]
    """By column of a table of medications (`interface.history.columns`); dates as HL7 writes them."""

    @property
    def codings(self) -> tuple[Coding, ...]:
        """Ready to compare: its code, its NDC."""
        get = self.cells.get
        label = get("label", "")
        found = [coding(get("system", ""), get("code", ""), label)] if get("code") else []
        found += [coding("NDC", self.cells["ndc"], label)] if get("ndc") else []
        return tuple(found) or (coding("", "", label),)


class Provider(msgspec.Struct, frozen=True, omit_defaults=True):
    """The clinician of the appointment."""

    npi: str = ""
    family: str = ""
    given: str = ""


class Imported(msgspec.Struct, frozen=True, omit_defaults=True):
    """A test patient. Texts as in the file, outer blanks off."""

    mrn: str
    family: str
    birth_date: str
    """`yyyy-MM-dd`."""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    gender: str = ""
    """M, F, O, U, or empty."""
    lines: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    zip: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    medications: tuple[Medication, ...] = ()
    provider: Provider = Provider()
    appointment: str = ""
    """`yyyy-MM-dd`."""

    @property
    def who(self) -> Who | None:
        """What he is told by; None: the file lacks something of it."""
        return who(self.mrn, self.family, self.birth_date)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Imported)


def encode(patient: Imported) -> bytes:
    """As JSON, to be sealed; the same patient always the same."""
    return _encoder.encode(patient)


def decode(document: bytes) -> Imported:
    """Of a stored document. Raises msgspec.ValidationError or DecodeError for anything else."""
    return _decoder.decode(document)


class Roster:
    """The test patients: those that are imported now, and those who once were. They stay apart, and do not leave."""

    def __init__(self, now: Iterable[Imported] = (), before: Iterable[Imported] = ()) -> None:
        self._now = {found: patient for patient in now if (found := patient.who) is not None}
        apart: dict[str, set[Who]] = {}
        for found in (*self._now, *(found for patient in before if (found := patient.who) is not None)):
            apart.setdefault(found.mrn, set()).add(found)
        self.apart: Apart = {mrn: frozenset(those) for mrn, those in apart.items()}
        """Who is charted apart."""

    def __len__(self) -> int:
        """How many are imported now."""
        return len(self._now)

    def of(self, patient: Mapping[str, Any] | None) -> Imported | None:
        """The one whom the `patient` of a request names by number, family name and birth date; None: it is none."""
        found = named_by(patient)
        return self._now.get(found) if found is not None else None


def named_by(patient: Any) -> Who | None:
    """Whom the `patient` of a request names, whatever it is; None: it does not say all three."""
    if not isinstance(patient, Mapping):
        return None
    mrn, name, birth = patient.get("mrn"), patient.get("name"), patient.get("birthDate")
    if not isinstance(mrn, Mapping) or not isinstance(name, Mapping):
        return None
    texts = (mrn.get("extension"), name.get("family"), birth)
    if not all(isinstance(text, str) for text in texts):
        return None
    return who(*map(str, texts))
