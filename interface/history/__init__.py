"""History as it comes in tables: CSV of problems and medications becomes HL7 messages. Pure: lines in, messages out."""
