"""Who has come, as the kernel tells it."""

import socket
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "images" / "odoo"))

import sockets  # noqa: E402

HEAD = "  sl  local_address rem_address   st tx_queue:rx_queue\n"
NOTHING = "00000000:00000000"
LINES = {
    # 8069 is 1F85. A listener with three that nobody has taken, a client, one whose connection has ended, the container
    # itself, and of the port of live messages a listener and a websocket.
    "tcp": ("0: 00000000:1F85 00000000:0000 0A 00000000:00000003", f"1: 0500A8C0:1F85 0600A8C0:9C40 01 {NOTHING}",
            f"2: 0500A8C0:1F85 0600A8C0:9C41 06 {NOTHING}", f"3: 0100007F:1F85 0100007F:9C42 01 {NOTHING}",
            "4: 00000000:1F88 00000000:0000 0A 00000000:00000001", f"5: 0500A8C0:1F88 0600A8C0:9C43 01 {NOTHING}"),
    "tcp6": (f"0: 0000000000000000FFFF00000500A8C0:1F85 0000000000000000FFFF00000600A8C0:9C44 08 {NOTHING}",
             f"1: 0000000000000000FFFF00000100007F:1F85 0000000000000000FFFF00000100007F:9C45 01 {NOTHING}",
             f"2: 00000000000000000000000001000000:1F85 00000000000000000000000001000000:9C46 01 {NOTHING}"),
}


class SocketsTest(unittest.TestCase):
    def tables(self, lines):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        for table, rows in lines.items():
            Path(directory.name, table).write_text(HEAD + "\n".join(rows) + "\n")
        return Path(directory.name)

    def test_clients_are_who_is_connected_or_was_from_elsewhere(self):
        found = sockets.clients(8069, self.tables(LINES))
        self.assertEqual({there.split(":")[1] for there in found}, {"9C40", "9C41", "9C44"})

    def test_under_way_is_what_is_open_the_containers_own_included_but_no_websocket(self):
        # The connection that has ended waits for nothing.
        self.assertEqual(sockets.under_way(8069, self.tables(LINES)), 5)

    def test_queued_is_what_nobody_has_taken_of_this_port(self):
        self.assertEqual(sockets.queued(8069, self.tables(LINES)), 3)

    def test_an_answer_that_is_on_its_way_is_under_way_and_one_that_came_is_not(self):
        for state, expected in {"01": 1, "04": 1, "05": 0, "06": 0, "07": 0, "08": 1, "09": 1, "0A": 0, "0B": 1}.items():
            place = self.tables({"tcp": [f"0: 0500A8C0:1F85 0600A8C0:9C40 {state} {NOTHING}"]})
            self.assertEqual(sockets.under_way(8069, place), expected, state)

    def test_the_kernel_of_this_machine_is_understood(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            port = server.getsockname()[1]
            self.addCleanup(setattr, sockets, "TABLES", sockets.TABLES)
            self.assertEqual(sockets.clients(port), set())
            sockets.TABLES = {table: () for table in sockets.TABLES}
            expected = f"{client.getsockname()[1]:04X}"
            self.assertEqual([there.split(":")[1] for there in sockets.clients(port)], [expected])
