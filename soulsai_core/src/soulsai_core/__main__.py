"""`python -m soulsai_core` is the `soulsai` command."""

from soulsai_core.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
