"""`python -m services` is the command `brandmelder`."""

from services.cli import main

main()
