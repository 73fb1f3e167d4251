"""`python -m ground2cloud` is `ground2cloud`."""

import sys

from ground2cloud.cli import main

if __name__ == "__main__":
    sys.exit(main())
