"""The commands of hl7-interface."""
