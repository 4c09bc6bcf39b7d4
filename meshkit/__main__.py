"""`python -m meshkit`."""

from meshkit.cli import main

main()
