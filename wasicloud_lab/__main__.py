"""`python -m wasicloud_lab …` is `wasicloud-lab …`, for where the command is not on the path."""

import sys

from .cli import main

sys.exit(main())
