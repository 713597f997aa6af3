"""The pages: a module for each, and the rows by which they are found."""

from interface.console.asked import Action, Page
from interface.console.pages import commands, message, messages, today

PAGES: tuple[Page, ...] = (today.PAGE, messages.PAGE, message.PAGE, commands.PAGE)
ACTIONS: tuple[Action, ...] = ()
