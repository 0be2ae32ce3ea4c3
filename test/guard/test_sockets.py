"""Who has come, as the kernel tells it."""

import socket
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "images" / "odoo"))

import sockets  # noqa: E402

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"
LINES = {
    # 8069 is 1F85. A listener, a client, one whose connection has ended, the probe, and a client of another port.
    "tcp": ("0: 00000000:1F85 00000000:0000 0A 0", "1: 0500A8C0:1F85 0600A8C0:9C40 01 0",
            "2: 0500A8C0:1F85 0600A8C0:9C41 06 0", "3: 0100007F:1F85 0100007F:9C42 01 0",
            "4: 0500A8C0:1F88 0600A8C0:9C43 01 0"),
    "tcp6": ("0: 0000000000000000FFFF00000500A8C0:1F85 0000000000000000FFFF00000600A8C0:9C44 01 0",
             "1: 0000000000000000FFFF00000100007F:1F85 0000000000000000FFFF00000100007F:9C45 01 0",
             "2: 00000000000000000000000001000000:1F85 00000000000000000000000001000000:9C46 01 0"),
}


class SocketsTest(unittest.TestCase):
    def test_clients_are_who_is_connected_or_was_from_elsewhere(self):
        with tempfile.TemporaryDirectory() as directory:
            for table, lines in LINES.items():
                Path(directory, table).write_text(HEAD + "\n".join(lines) + "\n")
            found = sockets.clients(8069, Path(directory))
            waiting = sockets.waiting(8069, Path(directory))
        self.assertEqual({there.split(":")[1] for there in found}, {"9C40", "9C41", "9C44"})
        # The connection that has ended waits for nothing.
        self.assertEqual(waiting, 2)

    def test_the_kernel_of_this_machine_is_understood(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            port = server.getsockname()[1]
            self.addCleanup(setattr, sockets, "TABLES", sockets.TABLES)
            self.assertEqual(sockets.clients(port), set())
            sockets.TABLES = {table: () for table in sockets.TABLES}
            expected = f"{client.getsockname()[1]:04X}"
            self.assertEqual([there.split(":")[1] for there in sockets.clients(port)], [expected])
