"""HL7 v2 interface adapter: scheduling, ADT and pharmacy feeds become Connective Health requests."""

__version__ = "0.1.0"
