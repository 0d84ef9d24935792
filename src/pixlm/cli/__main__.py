"""`python -m pixlm.cli`, the same as `pixlm`."""

import sys

from pixlm.cli import main

sys.exit(main())
