"""`python -m gan`."""

from gan.cli import main

main()
