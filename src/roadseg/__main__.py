"""`python -m roadseg` and `torchrun -m roadseg`."""

import sys

from roadseg.cli import main

sys.exit(main())
