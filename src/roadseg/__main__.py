"""`python -m roadseg` and `torchrun -m roadseg`."""

import sys

from roadseg.cli.main import main

sys.exit(main())
