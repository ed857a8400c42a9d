"""How a program of this environment is typed, for hints that can be pasted into the shell they are printed in."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def typed(name: str) -> str:
    """The bare name where the shell finds this environment's program by it, else its path, relative if it is below."""
    program = Path(sys.executable).parent / name
    found = shutil.which(name)
    if found and Path(found).absolute() == program:
        return name
    below = program.is_relative_to(Path.cwd())
    return shlex.quote(os.path.relpath(program) if below else str(program))
