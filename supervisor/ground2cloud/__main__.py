"""`python -m ground2cloud` is `ground2cloud`."""

from ground2cloud.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
