"""`python -m condgen` is `condgen`."""

from condgen.cli import main

main()
