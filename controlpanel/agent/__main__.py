"""``python -m controlpanel.agent``; the zipapp starts the same way."""

import sys

from .main import main

sys.exit(main())
