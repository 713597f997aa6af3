"""The pages: a module for each, and the rows by which they are found."""

from interface.console.asked import Action, Page
from interface.console.pages import audit, commands, messages, today

PAGES: tuple[Page, ...] = (today.PAGE, messages.PAGE, commands.PAGE, audit.PAGE)
ACTIONS: tuple[Action, ...] = ()
