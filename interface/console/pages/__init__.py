"""The pages: a module for each, and the rows by which they are found."""

from interface.console.asked import Action, Page
from interface.console.pages import (
    audit,
    by_hand,
    commands,
    feed,
    find,
    going_live,
    holds,
    message,
    messages,
    onboarding,
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
    onboarding.PAGE,
    onboarding.REPORT,
    going_live.PAGE,
    feed.PAGE,
    feed.REPORT,
    settings.PAGE,
    holds.PAGE,
    by_hand.PAGE,
    commands.PAGE,
    commands.BATCH,
    audit.PAGE,
)
ACTIONS: tuple[Action, ...] = (
    find.ACTION,
    patients.FIND,
    trying.ACTION,
    onboarding.CONFIRM,
    onboarding.CHOOSING,
    going_live.ACTION,
    feed.ACTION,
    by_hand.ACTION,
)
