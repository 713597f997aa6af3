"""`messages show --changed`: what one message changed in the charts, as the console shows it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from interface.cli.output import heading, many, table

if TYPE_CHECKING:
    from interface.services.what_changed import WhatChanged
    from interface.settings import Settings
    from interface.store.records.lists import MessageSummary
    from interface.store.store import Store


def what_it_changed(args: argparse.Namespace, settings: Settings, store: Store) -> WhatChanged:
    """Work it out, by the mapping as it is now; reads only. Raises InterfaceError."""
    from interface.services.clock import Clock
    from interface.services.engines import engine_now
    from interface.services.what_changed import what_changed

    clock = Clock(args.now, settings.site.zone)
    engine = engine_now(settings, store, clock.now())
    return what_changed(engine, store.patients, args.id, clock.at())


def changed_json(found: WhatChanged, row: MessageSummary) -> dict[str, Any]:
    """`changed` of the JSON answer."""
    from interface.chart.shown import number_text
    from interface.shown.changes import field_text, whence_text

    def charts() -> list[dict[str, Any]]:
        return [
            {
                "patient_id": patient,
                "numbers": [number_text(key) for key in chart.keys],
                "new": chart.new,
                "without_number": chart.without_number,
                "joined": [[number_text(key) for key in keys] for keys in chart.joined],
                "changes": [
                    {
                        "what": change.said,
                        "part": change.part,
                        "change": change.kind,
                        "about": change.about,
                        "fields": [
                            {
                                "field": entry.field,
                                "name": field_text(change, entry.field),
                                "before": entry.before,
                                "after": entry.after,
                                "source": whence_text(entry.source, row.control_id, row.message_type),
                            }
                            for entry in change.fields
                        ],
                    }
                    for change in chart.changes
                ],
            }
            for chart, patient in zip(found.charts, found.patients, strict=True)
        ]

    return {
        "told": found.told,
        "why": found.why or None,
        "replayed": found.replayed,
        "notes": list(found.notes),
        "charts": charts(),
    }


def show_changed(found: WhatChanged, row: MessageSummary) -> None:
    """Print it."""
    from interface.chart.shown import number_text
    from interface.shown.changes import RULES_OF_NOW, field_text, value_text, whence_text

    heading("what it changed:")
    if found.why:
        print(f"can't be told: {found.why}" if found.told == "unknown" else found.why)
    if found.replayed:
        print(f"{many(found.replayed, 'message')} replayed, up to and with this one. {RULES_OF_NOW}")
    for note in found.notes:
        print(note)
    for chart, patient in zip(found.charts, found.patients, strict=True):
        whose = f"chart of patient {patient}" if patient is not None else "a chart"
        if chart.without_number:
            whose += f"{',' if patient is not None else ''} that no number leads to any more"
        numbers = ", ".join(number_text(key) for key in chart.keys)
        heading(f"{whose} ({numbers}){', new' if chart.new else ''}:")
        for keys in chart.joined:
            heading(f"the chart of {', '.join(number_text(key) for key in keys)} became part of it")
        for change in chart.changes:
            heading(" ".join(filter(None, (change.said, change.about))))
            rows = [
                (
                    field_text(change, entry.field),
                    "-" if entry.before is None else value_text(entry.before),
                    "-" if entry.after is None else value_text(entry.after),
                    whence_text(entry.source, row.control_id, row.message_type),
                )
                for entry in change.fields
            ]
            table(("field", "before", "after", "source"), rows)
