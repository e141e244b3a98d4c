"""`python -m shutterpost` is `shutterpost`."""

from shutterpost.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
