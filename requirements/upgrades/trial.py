"""One trial: a clone of the project with a virtual environment of its own, other versions, lint, types and tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from requirements.upgrades.verdict import Verdict, counted

LINT = ("ruff check .", "ruff format --check .", "mypy")  # as in `make test`
MINUTES = 60  # of one command; what hangs is ended
LEFT_OUT = (  # of whoever calls
    "PYTHONPATH", "VIRTUAL_ENV", "DISTILL_HOME", "DISTILL_MODELS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
)  # fmt: skip


class Trial:
    """Versions to try, in a folder that the caller removes."""

    def __init__(self, root: Path, folder: Path, uv: str) -> None:
        self.folder, self.uv, self.log = folder, uv, folder.with_suffix(".log")
        self._run(["git", "clone", "--quiet", str(root), str(folder)], cwd=root)
        self._run([uv, "venv", "--quiet", "--python", sys.executable, ".venv"])

    @property
    def lock(self) -> Path:
        """The lock of this trial; at first the committed one."""
        return self.folder / "requirements/project.lock"

    def allow(self, text: str, instead: str) -> None:
        """Write a requirement of pyproject.toml anew."""
        project = self.folder / "pyproject.toml"
        before = project.read_text(encoding="utf-8")
        after = before.replace(f'"{text}"', f'"{instead}"')
        if after == before:
            raise ValueError(f"pyproject.toml has no requirement {text!r}")
        project.write_text(after, encoding="utf-8")

    def resolve(self, *options: str) -> str:
        """Lock anew, as `make lock` does; what stands in the way, or "" for success."""
        lock = ["make", "--silent", "-o", ".venv/.installed", "lock", f"UV={self.uv}", f"UPGRADE={' '.join(options)}"]
        return self._run(lock, may_fail=True)

    def install(self) -> str:
        """Install what the lock says; what stands in the way, or ""."""
        sync = [self.uv, "pip", "install", "--quiet", "--no-deps", "--python", ".venv"]
        locks = ["-r", "requirements/project.lock", "-r", "requirements/model.lock"]
        return self._run([*sync, *locks], may_fail=True) or self._run([*sync, "--editable", "."], may_fail=True)

    def check(self, chosen: list[str], lint: bool = True) -> Verdict:
        """Run lint and types, if wanted, and the chosen tests (none: all)."""
        complain = [f"`{command}`" for command in LINT if lint and self._python(command.split())]
        report = self.folder / "junit.xml"
        ended = self._python(["pytest", "-q", "-n", "2", "--dist", "loadfile", f"--junitxml={report}", *chosen])
        verdict = counted(report)
        broken = f"pytest failed: {ended[-200:]}" if ended and not verdict.failed else ""
        said = [verdict.said, broken, f"{', '.join(complain)} failed" if complain else ""]
        return verdict._replace(said="; ".join(filter(None, said)))

    def _python(self, arguments: list[str]) -> str:
        return self._run([str(self.folder / ".venv/bin/python"), "-m", *arguments], may_fail=True)

    def _run(self, command: list[str], cwd: Path | None = None, may_fail: bool = False) -> str:
        """Run and keep what is printed; the last lines of a command that fails, "" of one that does not."""
        environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        with self.log.open("a+", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            log.flush()
            begin = log.tell()
            code = _within(command, cwd or self.folder, environment, log.fileno())
            log.seek(begin)
            said = log.read().strip()
        if code and not may_fail:
            raise RuntimeError(f"{' '.join(command[:3])} failed: {said[-500:]}")
        return (said[-2000:] or f"exit code {code}") if code else ""


def _within(command: list[str], cwd: Path, environment: dict[str, str], log: int) -> int:
    """Exit code; what runs longer than MINUTES, or is interrupted, is ended with everything of its process group."""
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        return process.wait(MINUTES * 60)
    except subprocess.TimeoutExpired:
        os.write(log, f"ended after {MINUTES} minutes\n".encode())
        return 124
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
