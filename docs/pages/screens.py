"""docs/engine-*.svg: the settings screens of interface engines as drawings of our own. Mirth's values are those of the
channel file in deploy/mirth/.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

CHANNEL = Path(__file__).parents[2] / "deploy" / "mirth" / "connective-health.xml"
WIDTH, ROW, HEAD, GAP, LABEL = 720, 30, 40, 18, 300


@dataclass(frozen=True)
class Panel:
    """One group of settings: its title, and rows of label and value."""

    title: str
    rows: tuple[tuple[str, str], ...]


def draw(title: str, panels: tuple[Panel, ...]) -> str:
    """The picture; values that are chosen among few (`A | [B] | C`) show which, in brackets."""
    body, top = [], GAP
    for panel in panels:
        height = HEAD + ROW * len(panel.rows) + 8
        body.append(
            f'<rect class="panel" x="{GAP}" y="{top}" width="{WIDTH - 2 * GAP}" height="{height}" rx="6"/>'
        )
        body.append(f'<text class="title" x="{GAP + 14}" y="{top + 25}">{escape(panel.title)}</text>')
        for number, (label, value) in enumerate(panel.rows):
            y = top + HEAD + ROW * number
            body.append(f'<text x="{GAP + LABEL}" y="{y + 19}" text-anchor="end">{escape(label)}</text>')
            body += _value(GAP + LABEL + 14, y, value)
        top += height + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n"
        f'<rect class="page" width="{WIDTH}" height="{top}"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #1c2733; }
.page { fill: #eef1f4; } .panel { fill: #fff; stroke: #b6c0ca; }
.title { font-weight: 600; }
.box { fill: #fff; stroke: #8a97a3; } .dot { fill: #1f5fa8; } .ring { fill: #fff; stroke: #8a97a3; }
"""


def _value(x: int, y: int, value: str) -> list[str]:
    if " | " not in value:
        return [
            f'<rect class="box" x="{x}" y="{y + 2}" width="{max(90, 9 * len(value) + 20)}" height="24" rx="3"/>',
            f'<text x="{x + 8}" y="{y + 19}">{escape(value)}</text>',
        ]
    shapes: list[str] = []
    for choice in value.split(" | "):
        name = choice.strip("[]")
        shapes.append(f'<circle class="ring" cx="{x + 8}" cy="{y + 14}" r="7"/>')
        if choice != name:
            shapes.append(f'<circle class="dot" cx="{x + 8}" cy="{y + 14}" r="4"/>')
        shapes.append(f'<text x="{x + 22}" y="{y + 19}">{escape(name)}</text>')
        x += 42 + 8 * len(name)
    return shapes


def mirth() -> str:
    """The destination of the channel file, as its settings stand on the screen."""
    root = ElementTree.parse(CHANNEL).getroot()  # noqa: S314 - our own file

    def text(path: str) -> str:
        return root.findtext(f"./destinationConnectors/connector//{path}") or ""

    def yes(path: str) -> str:
        return "[Yes] | No" if text(path) == "true" else "Yes | [No]"

    validation = "outboundProperties/responseValidationProperties"
    always = text("queueEnabled") == "true" and text("sendFirst") == "false"
    return draw(
        "The destination's settings in Mirth Connect and the Open Integration Engine",
        (
            Panel(
                "Destination Settings",
                (
                    (
                        "Queue Messages",
                        "Never | On Failure | [Always]" if always else "[Never] | On Failure | Always",
                    ),
                    ("Advanced: Retry Interval (ms)", text("retryIntervalMillis")),
                    ("Advanced: Queue Threads", text("threadCount")),
                    ("Advanced: Rotate Queue", yes("rotate")),
                    ("Validate Response", yes("validateResponse")),
                ),
            ),
            Panel(
                "TCP Sender Settings",
                (
                    ("Transmission Mode", text("pluginPointName")),
                    ("Mode", "Server | [Client]" if text("serverMode") == "false" else "[Server] | Client"),
                    ("Remote Address", text("remoteAddress")),
                    ("Remote Port", text("remotePort")),
                    ("Keep Connection Open", yes("keepConnectionOpen")),
                    ("Check Remote Host", yes("checkRemoteHost")),
                    ("Send Timeout (ms)", text("sendTimeout")),
                    ("Response Timeout (ms)", text("responseTimeout")),
                    ("Ignore Response", yes("ignoreResponse")),
                    ("Queue on Response Timeout", yes("queueOnResponseTimeout")),
                    ("Charset Encoding", text("charsetEncoding")),
                    ("Template", text("template")),
                ),
            ),
            Panel(
                "Set Data Types: destination, outbound, HL7 v2.x: Response Validation",
                (
                    ("Successful ACK Codes", text(f"{validation}/successfulACKCode")),
                    ("Error ACK Codes", text(f"{validation}/errorACKCode")),
                    ("Rejected ACK Codes", text(f"{validation}/rejectedACKCode")),
                    ("Validate Message Control Id", yes(f"{validation}/validateMessageControlId")),
                ),
            ),
        ),
    )


rhapsody = partial(
    draw,
    "The settings of the TCP Client communication point in Rhapsody",
    (
        Panel(
            "TCP Client: Configuration",
            (
                ("Remote Host", "127.0.0.1"),
                ("Remote Port", "2575"),
                ("Connection Mode", "Maintain a constant connection"),
                ("Outgoing Wrapper", "Minimal"),
                ("Incoming Wrapper", "Minimal"),
            ),
        ),
        Panel(
            "Connection",
            (
                ("Connection Mode", "Out->In"),
                ("Idle Timeout (ms)", "0"),
                ("Number of Connections", "1"),
                ("Retry Type", "Linear"),
                ("Number of Retries", "-1 (infinite)"),
                ("Initial Retry Delay (ms)", "10000"),
                ("Retries Per Message", "Infinite"),
                ("Message Retry Delay (ms)", "10000"),
            ),
        ),
        Panel(
            "Connection: Out->In",
            (
                ("Response Timeout (ms)", "30000"),
                ("Retry Count", "0"),
                ("Fail Action", "Close connection"),
            ),
        ),
    ),
)
