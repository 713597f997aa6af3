"""`python -m interface` is the command `hl7-interface`."""

import sys

from interface.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
