"""The one base of every error a user may see."""


class InterfaceError(Exception):
    """Something a user can put right. Its text is one line: what, where and what to do; never patient data."""
