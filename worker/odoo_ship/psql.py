"""Sessions of psql that are kept: a program and a connection for each question are most of what a question takes."""

import contextlib
import subprocess
import threading
import uuid

from shell import Result, killed_after

#: psql's exit statuses: the connection was lost; a statement failed.
LOST, LATE = 2, 124


class Session:
    """One program with one connection. What a question left in it, settings and temporary tables, is gone before the
    next one: whoever owns what was read may have left them.
    """

    def __init__(self, child, role=None):
        """`child`: psql with pipes in text mode for its input, output and errors. `role`: an identifier in SQL, that
        each question is asked as where that is not who has logged in.
        """
        self.child, self.errors = child, []
        self.clean = "DISCARD ALL" + (f"; SET ROLE {role}" if role else "")
        self.reader = threading.Thread(target=self._read_errors, daemon=True)
        self.reader.start()

    def ready(self, limit):
        """Whether it still has its connection; asked before each question, which is then sent once."""
        return self.ask(self.clean, limit).ok

    def ask(self, statements, limit):
        """A :class:`Result`; one that is not good ends the session. `limit`: seconds."""
        mark, lines = uuid.uuid4().hex, []
        # An error: it has ended, now or before, and its own errors say why.
        with killed_after(limit, self.child) as late, contextlib.suppress(OSError, ValueError):
            # A query, since psql does not write out what `echo` says before its buffer is full.
            self.child.stdin.write(f"{statements}\n;\nSELECT '{mark}';\n")
            self.child.stdin.flush()
            for line in self.child.stdout:
                if line == f"{mark}\n":
                    return Result(0, "".join(lines))
                lines.append(line)
        status = self.close()
        if late.is_set():
            return Result(LATE, "".join(lines), "".join(self.errors) + f"\nended after {limit} s")
        return Result(status or LOST, "".join(lines), "".join(self.errors))

    def close(self):
        """Its exit status."""
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.reader.join(10)
        for stream in (self.child.stdout, self.child.stderr):
            stream.close()
        return self.child.returncode

    def _read_errors(self):
        for line in self.child.stderr:
            self.errors.append(line)
