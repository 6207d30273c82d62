"""`python -m emulator` is `kafka-emulator`."""

import sys

from emulator.apps.cli import main

sys.exit(main())
