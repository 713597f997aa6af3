"""The pages: a module for each, and the rows by which they are found."""

from interface.console.asked import Action, Page
from interface.console.pages import (
    audit,
    commands,
    find,
    message,
    messages,
    patient,
    patients,
    request,
    requests,
    settings,
    today,
    trying,
)

PAGES: tuple[Page, ...] = (
    today.PAGE,
    messages.PAGE,
    message.PAGE,
    requests.PAGE,
    request.PAGE,
    patients.PAGE,
    patient.PAGE,
    settings.PAGE,
    commands.PAGE,
    audit.PAGE,
)
ACTIONS: tuple[Action, ...] = (find.ACTION, patients.FIND, trying.ACTION)
