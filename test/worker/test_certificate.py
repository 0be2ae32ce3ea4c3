"""The certificate that a proxy shows: here a server of TLS on this machine."""

import socket
import ssl
import subprocess
import threading
import time
from unittest import mock

from support import WorkerCase, request

import certificate

DAY = 86400


class Proxy:
    """Shows one certificate for all names, or ends each handshake as Caddy does where it has none."""

    def __init__(self, file=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.names = []
        if file:
            self.context.load_cert_chain(file)
        self.context.sni_callback = lambda _connection, name, _context: self.names.append(name)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                with plain, self.context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(1)
            except OSError:
                pass


class CertificateTest(WorkerCase):
    def show(self, name="erp.example.com", days=90, proxy=True):
        file = self.root / "site.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", str(days), "-subj", "/O=An Authority/CN=R11", "-addext", f"subjectAltName={name}",
                        "-keyout", file, "-out", self.root / "chain.pem"], check=True, capture_output=True)
        with open(file, "ab") as both:
            both.write((self.root / "chain.pem").read_bytes())
        return self.listen(Proxy(file if proxy else None))

    def listen(self, proxy):
        self.addCleanup(proxy.listener.close)
        patch = mock.patch.object(certificate, "ADDRESS", proxy.address)
        patch.start()
        self.addCleanup(patch.stop)
        return proxy

    def look(self, days=0, domain="erp.example.com", **files):
        asked = request(url=f"https://{domain}", files={"proxy/Caddyfile": "x", **files})
        now = time.time() + days * DAY
        with mock.patch.object(certificate.time, "time", lambda: now):
            return certificate.look(asked)

    def test_one_that_is_well_is_told_with_its_issuer_and_its_days(self):
        proxy = self.show("DNS:erp.example.com")
        found, _, told = self.look()
        self.assertEqual(found, "")
        self.assertRegex(told, r"^for erp\.example\.com, by An Authority R11, until 20\d\d-\d\d-\d\d, 90 days left$")
        self.assertEqual(set(proxy.names), {"erp.example.com"})

    def test_one_that_the_proxy_should_have_renewed_by_now_and_one_that_has_expired(self):
        self.show("DNS:erp.example.com")
        self.assertEqual(self.look(days=60)[0], "")
        found, remedy = self.look(days=75)
        self.assertRegex(found, "^it ends soon, and was not renewed .*15 days left")
        self.assertIn("docker restart odoo-proxy", remedy)
        self.assertRegex(self.look(days=92)[0], "^it has expired .*-2 days left")

    def test_one_of_a_persons_own_is_theirs_to_renew_a_month_before(self):
        self.show("DNS:erp.example.com", days=365)
        own = {"proxy/tls.pem": "x"}
        self.assertEqual(self.look(days=330, **own)[0], "")
        found, remedy = self.look(days=340, **own)
        self.assertIn("25 days left", found)
        self.assertIn("vps:tlsCertificate", remedy)

    def test_one_for_another_name(self):
        self.show("DNS:other.example.com")
        self.assertRegex(self.look()[0], r"^it is for other\.example\.com, not for erp\.example\.com \(by An Authority")

    def test_a_site_that_is_an_address_is_known_by_that(self):
        for name, wrong in (("IP:203.0.113.7", False), ("IP:203.0.113.8", True)):
            self.show(name)
            self.assertEqual(bool(self.look(domain="203.0.113.7")[0]), wrong)

    def test_a_proxy_that_has_none_one_that_is_away_and_one_that_says_nothing(self):
        self.show(proxy=False, name="DNS:x")
        self.assertRegex(self.look()[0], r"^there is none for erp\.example\.com that can be read \(\w+")
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        with (mock.patch.object(certificate, "ADDRESS", silent.getsockname()),
              mock.patch.object(certificate, "SECONDS", 0.1)):
            self.assertIn("nobody answers at port", self.look()[0])
        away = silent.getsockname()
        silent.close()
        with mock.patch.object(certificate, "ADDRESS", away):
            found, remedy = self.look()
        self.assertIn("nobody answers at port", found)
        self.assertIn("docker logs odoo-proxy", remedy)

    def test_a_release_without_a_proxy_or_a_site_has_none_to_look_at(self):
        self.assertIsNone(certificate.look(request(url="https://erp.example.com")))
        self.assertIsNone(certificate.look({"files": {"proxy/Caddyfile": "x"}}))
