"""The vendor's test patients: the file they come in, what is kept of them, and messages about them; pure.

A room of its own: `history` has tables of many patients' problems or drugs, a kind each, and no identity that anything is
decided by; what is read here decides who may leave the house.
"""
