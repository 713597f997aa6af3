"""Made-up messages that are meant to break whatever reads them, with a word in each place that stands nowhere else.

All the words begin with `Qz`, as nothing else that the program writes: one look finds any of them, also a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

WORD = re.compile(r"qz[a-z0-9]{2,}", re.IGNORECASE)
WORD_IN_BYTES = re.compile(rb"Qz[A-Za-z0-9]{9,}|Q\0z\0(?:[A-Za-z0-9]\0){5,}")
"""Longer: among millions of sealed bytes chance may make a short one."""
NUMBERS = {
    "birth date": "19481103",
    "birth date as sent": "1948-11-03",
    "number": "88155431",
    "phone": "6085550142",
    "zip": "537119987",
    "appointment": "202604100937",
}
SEGMENTS = {
    "EVN": 7, "PID": 39, "PD1": 21, "NK1": 38, "PV1": 52, "PV2": 47, "SCH": 27, "TQ1": 14, "NTE": 4, "AL1": 6, "DG1": 22,
    "PRB": 25, "GT1": 55, "IN1": 49, "OBX": 19, "ORC": 30, "RXE": 44, "RXO": 28, "RXD": 33, "RXR": 6, "RXC": 9, "AIS": 12,
    "AIP": 12, "AIL": 12, "AIG": 14, "RGS": 3, "MRG": 7, "ARV": 5, "ROL": 12, "ZPD": 6,
}  # fmt: skip
"""Segments, and how many fields they have in 2.5 or so."""
WELL = {
    "PID": {
        1: "1",
        2: "",
        3: "88155431{w}^^^^MR",
        4: "",
        5: "{w}^{w}",
        7: "19481103",
        8: "F",
        11: "{w}^^{w}^WI^537119987",
        13: "6085550142",
        24: "",
        29: "",
        30: "N",
        31: "N",
    },
    "PD1": {12: "N"},
    "PV1": {2: "O"},
    "PV2": {22: "N"},
    "SCH": {6: "", 11: "^^^202604100937", 25: ""},
    "AIP": {3: "1234567893^{w}^{w}^^^^^^^^^^NPI"},
    "DG1": {3: "E11.649^{w}^I10"},
    "ARV": {3: ""},
}
"""What must be well for a request to go out: so the API gets the words, and may repeat them."""
TYPES = (
    "SIU^S12", "SIU^S13", "SIU^S15", "ADT^A01", "ADT^A03", "ADT^A08", "ADT^A28", "ADT^A40", "ADT^A43", "ADT^A44", "ADT^A45",
    "ADT^A47", "RDE^O11", "RDS^O13", "ORM^O01", "PPR^PC1", "ORU^R01",
)  # fmt: skip
TWISTS = {
    "date": "1948{w}",
    "time": "202613451{w}",
    "number": "12.{w}5",
    "negative": "-{w}9",
    "escape": "\\X4G{w}\\{w}\\Zq{w}\\H\\{w}\\.br{w}\\",
    "control": "\x00\x07\x1b[31m{w}\x7f\x9b{w}",
    "html": "<script>alert('{w}')</script>{w}\"><img src=x onerror={w}>",
    "quote": '"{w}" event={w} level=ERROR',
    "parts": "{w}^{w}&{w}~{w}^{w}&{w}&{w}" + "^{w}" * 12,
    "percent": "%s%n%(x)s{0}${{w}}{w}%00",
    "unicode": "{w}Äöü\u202e{w}\u2028{w}\U0001f9ec",
    "path": "../../{w}/etc/{w}",
    "sql": "'; DROP TABLE messages; -- {w}",
    "phone": "(608) 555-01{w} x{w}",
    "code": "{w}^{w}^99{w}^{w}^{w}^I10",
}
"""What each field of a message is filled with."""


def poisoned() -> Iterator[bytes]:
    """The messages. Those with an even control id can be read as far as a request needs it."""
    number = 0
    for twist, pattern in TWISTS.items():
        for kind in TYPES if twist in ("date", "code") else ("SIU^S12", "RDE^O11"):
            for well in (WELL, {}):
                number += 1
                sender = (
                    f"MSH|^~\\&|Qzapp{number}|Qzfac{number}|R|R|20260302080000||{kind}|Qzid{number}|P|2.5.1"
                )
                head = f"{sender}||||||UNICODE UTF-8"
                lines = [head, *(segment(name, pattern, well, number) for name in SEGMENTS), ""]
                yield "\r".join(lines).encode()
    yield from _broken_heads()
    yield from _broken_bytes()


def segment(name: str, pattern: str, well: dict[str, dict[int, str]], number: int) -> str:
    """A segment all of whose fields are filled."""
    fields = [name]
    for position in range(1, SEGMENTS[name] + 1):
        text = well.get(name, {}).get(position, pattern)
        fields.append(text.replace("{w}", f"Qz{name}{position}n{number}"))
    return "|".join(fields)


_PID = "PID|1||88155431^^^^MR||Qzfamily{n}^Qzgiven||19481103|F"


def _broken_heads() -> Iterator[bytes]:
    """MSH with words where it says how to read the message, one field at a time; and none at all."""
    whole = "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|H{n}|P|2.5.1||||||UNICODE UTF-8"
    for position in range(2, 25):
        for word in (
            f"Qzhead{position}a",
            f"Qzhead{position}b^Qzhead{position}part&Qzhead{position}sub~Qzhead{position}again",
            f"Qzhead{position}c\x1b\x00\u2028",
        ):
            fields = whole.split("|") + [""] * 8
            fields[position - 1] = word  # MSH-1 stands between the first two
            yield "\r".join(("|".join(fields).format(n=position), _PID.format(n=position), "")).encode()
    for text in (
        "Qznothing at all",
        "MSH",
        "MSH|",
        "MSH|Qzdelimiters|Qza|Qzb",
        "MSHQzQzQz" + "Qzlong" * 50,
        "PID|1||88155431||Qzbefore^Qzhead\rMSH|^~\\&|A|B|||20260302||ADT^A08|L1|P|2.3\r",
        "BHS|^~\\&|Qzbatch|Qzb\rMSH|^~\\&|A|B|||20260302||ADT^QzA|L2|P|2.3\rPID|1||Qzx\rBTS|Qz9",
        "MSH|^~\\&|A|B|||20260302||QzTYPE^QzTRIGGER^QzSTRUCTURE|L3|P|2.3\rPID|1||Qzy",
        "MSH|^~\\&|A|B|||20260302||DOE^JANE|L4|P|2.3\rPID|1||Qzy",
    ):
        yield text.encode()


def _broken_bytes() -> Iterator[bytes]:
    """Character sets that are not what is declared, and a field of a megabyte."""
    text = (
        "MSH|^~\\&|A|B|||20260302||ADT^A08|{n}|P|2.5|||||||{charset}\r"
        + _PID
        + "\u00e4\u00f6\u00fc|||Qzstreet\u00df\r"
    )
    for number, (charset, codec) in enumerate(
        (
            ("UNICODE UTF-8", "cp1252"),
            ("UNICODE UTF-16", "utf-8"),
            ("UNICODE UTF-16", "utf-16-le"),
            ("ISO IR87", "utf-8"),
            ("Qzcharset", "utf-8"),
            ("8859/1~Qzsecond", "utf-8"),
            ("ASCII", "cp1252"),
        )
    ):
        yield text.format(n=f"B{number}", charset=charset).encode(codec)
    yield (
        text.format(n="B9", charset="UNICODE UTF-8")
        .encode("utf-8")
        .replace(b"Qzstreet", b"Qz\xff\xfe\xc3street")
    )
    yield text.format(n="B10", charset="").encode("utf-8").replace(b"Qzstreet", b"Qzhuge" * 170_000)
