"""How counts, shares and positions are written, in text and on the page alike."""

from __future__ import annotations

from interface.report.model import Clock, Finding, Position, SenderReport, Shares


def percent(part: int, whole: int) -> str:
    """`12 %`; `<1 %` for what rounds to nothing and is something; empty without a whole."""
    if not whole:
        return ""
    if 0 < part * 200 < whole:
        return "<1 %"
    return f"{100 * part // whole if part < whole else 100} %"


def counted(finding: Finding) -> str:
    """`12 of 230 requests`, `7 values`."""
    if finding.of:
        return f"{finding.count} of {finding.of} {finding.unit}"
    return number(finding.count, finding.unit)


def number(count: int, plural: str) -> str:
    """`1 day`, `2 days`."""
    return f"{count} {plural if count != 1 else plural.removesuffix('s')}"


def types(finding: Finding, most: int = 4) -> str:
    """`SIU^S12 9, SIU^S14 3`."""
    listed = [f"{kind} {count}" for kind, count in finding.types.items()]
    more = f", {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def position(found: Position | None, source: str) -> str:
    """Where an example stands: `message 12 (LKS260223001), segment 5 (DG1[2])`."""
    if found is None:
        return ""
    head = f"journal message {found.message}" if source == "journal" else f"message {found.message}"
    name = f" ({found.control_id})" if found.control_id else ""
    return f"{head}{name}" + (f", segment {found.index} ({found.segment})" if found.segment else "")


def codes(finding: Finding) -> str:
    """`ZZ 12, QX 3, (free text) 2`."""
    return ", ".join(f"{entry.code} {entry.count}" for entry in finding.codes)


def shares(found: Shares) -> tuple[tuple[str, int], ...]:
    """The four kinds of request, which add up to all of them."""
    return (
        ("problems and medications", found.both),
        ("problems only", found.problems - found.both),
        ("medications only", found.medications - found.both),
        ("neither", found.none),
    )


def seconds(value: float) -> str:
    """`-3 s`, `4 min`, `-2.5 h`, `3 d`, with its sign."""
    size = abs(value)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if size >= 2 * length:
            return f"{value / length:+.1f} {unit}"
    return f"{value:+.0f} s"


def clock(found: Clock) -> str:
    """The sender's clock in one line; empty when it can't be told."""
    if not found.messages:
        return ""
    return f"{seconds(found.median)} (from {seconds(found.least)} to {seconds(found.most)})"


def listed(counts: object, most: int = 12, separator: str = ", ") -> str:
    """`ZPI 12, ZQA 3` of counts by name."""
    items = list(counts.items()) if isinstance(counts, dict) else []
    more = f"{separator}{len(items) - most} more" if len(items) > most else ""
    return separator.join(f"{name} {count}" for name, count in items[:most]) + more


def span(sender: SenderReport) -> str:
    """From the first to the last message, to the minute, in UTC."""
    first, last = (text[:16].replace("T", " ") for text in (sender.volume.first, sender.volume.last))
    return f"{first} to {last} UTC" if first else ""


def headline(sender: SenderReport) -> str:
    """What hurts most, in a sentence."""
    held, rejected, posted = sender.decided("hold"), sender.decided("reject"), sender.decided("post")
    asked = held + posted
    parts = []
    if rejected:
        parts.append(f"{rejected} of {number(sender.messages, 'messages')} rejected")
    if held:
        parts.append(f"{held} of {number(asked, 'requests')} held ({percent(held, asked)})")
        if completed := sum(
            count for kind in sender.types for _, code, count in kind.reasons if code == "completes-held"
        ):
            parts.append(f"{number(completed, 'held requests')} completed by a later message")
    if not parts:
        return (
            f"No request is held; {number(posted, 'requests')} would go out."
            if posted
            else "Nothing is held or rejected."
        )
    return "; ".join(parts) + "."


def never_filled(sender: SenderReport) -> list[tuple[str, list[str], int]]:
    """Sources nobody fills and nothing stands in for, put together: (field, paths, looked for in so many segments)."""
    found: dict[tuple[str, int], list[str]] = {}
    for entry in sender.never_filled:
        if not entry.instead:
            for field in entry.fields:
                found.setdefault((field, entry.of), []).append(entry.path)
    return [(field, paths, of) for (field, of), paths in found.items()]
