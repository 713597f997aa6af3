"""The pages: a module for each, and the rows by which they are found."""

from interface.console.asked import Action, Page
from interface.console.pages import commands, message, messages, patient, patients, settings, today, trying

PAGES: tuple[Page, ...] = (
    today.PAGE,
    messages.PAGE,
    message.PAGE,
    patients.PAGE,
    patient.PAGE,
    settings.PAGE,
    commands.PAGE,
)
ACTIONS: tuple[Action, ...] = (patients.FIND, trying.ACTION)
