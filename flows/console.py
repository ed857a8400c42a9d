"""The terminal that every command prints to: as wide as it is, or 120 columns where nobody watches."""

import sys

from rich.console import Console

console = Console(width=None if sys.stdout.isatty() else 120)
