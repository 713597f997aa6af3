"""Reading and answering HL7 v2 without I/O: framing, messages, times, ACKs."""
