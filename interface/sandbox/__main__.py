"""`python -m interface.sandbox`: the simulated API without the rest of the product."""

import argparse
import sys

from interface.errors import InterfaceError
from interface.sandbox.command import add_arguments, run


def main() -> int:
    """Run it; errors are one line and an exit code."""
    parser = argparse.ArgumentParser(prog="python -m interface.sandbox", description="The simulated API.")
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except InterfaceError as error:
        sys.stderr.write(f"{error}\n")
        return int(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    sys.exit(main())
