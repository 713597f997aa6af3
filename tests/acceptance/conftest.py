"""What the tests of the installed program share: `running_program.py` beside this."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
