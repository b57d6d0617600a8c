"""`python -m stabilizer` is the `stabilizer` command."""

from stabilizer.cli import main

main()
