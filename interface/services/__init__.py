"""The running parts: the door (listener, journal, health) and the work (intake, courier)."""
