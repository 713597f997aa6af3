"""What a sender's feed is like and lacks: messages and what was made of them in, frozen values out, and their rendering.

Pure, and without patient data: counts, HL7 paths, positions. A value of a message is shown only where `privacy` lets it.
"""
