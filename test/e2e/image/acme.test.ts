import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as https from "node:https";
import * as os from "node:os";
import * as path from "node:path";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

import { clusterPorts, type ProxyPlace, type SiteArgs } from "../../../components/proxy/site";
import { siteFiles } from "../../../components/proxy/caddyfile";
import { maintenancePage } from "../../../components/proxy/maintenance-page";
import { paths } from "../../../sandbox/config";
import { sleep } from "../../../sandbox/process";
import {
  asProxy,
  docker,
  label,
  localAuthority,
  log,
  proxyImages,
  removeContainers,
  until,
} from "../../support/proxy-containers";
import { usualSite } from "../../support/site";

const address = "127.0.0.42";
const prefix = "odoo-acme-test";
const names = {
  network: prefix,
  authority: `${prefix}-authority`,
  proxy: `${prefix}-proxy`,
  balancer: `${prefix}-balancer`,
  certificates: `${prefix}-certificates`,
};
/** An authority of one's own certifies such names, too. */
const domain = "erp.internal";
/** A name whose record is changed later than the setting. */
const late = "late.internal";
/** Caddy renews in the last third of a certificate's life, and in any case 50 minutes before its end (five times the interval in which it looks). */
const renewedMinutes = 50;
const lifetimeMinutes = renewedMinutes + 2;

/** The same authority with one kind of challenge each. */
const servers = {
  "http-01": "https://http.acme.test/acme/local/directory",
  "tls-alpn-01": "https://alpn.acme.test/acme/local/directory",
} as const;
type Challenge = keyof typeof servers;

const authorityFile = `{
	admin off
	skip_install_trust
}
${Object.entries(servers)
  .map(
    ([challenge, url]) => `${new URL(url).origin} {
	tls internal
	log
	acme_server {
		challenges ${challenge}
		lifetime ${lifetimeMinutes}m
	}
}
`,
  )
  .join("")}
# Where a name leads that does not lead to the proxy. Who asks again looks the name up again.
http://${late} {
	respond "Another place" {
		close
	}
}
`;

interface Answer {
  status: number;
  location: string | undefined;
  text: string;
  certificate: DetailedPeerCertificate;
}

/**
 * The real Caddy with the rendered files, fetching certificates from another one that is an ACME authority (RFC 8555) and looks at each name
 * by itself, as Let's Encrypt does. What it does not show: that the Internet reaches ports 80 and 443 of an installation.
 */
describe("a certificate by ACME", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "acme-"));
  const state = path.join(directory, "proxy", "state");
  let proxyImage: string;
  let pythonImage: string;
  let roots: string;

  before(async () => {
    ({ proxy: proxyImage, python: pythonImage } = await proxyImages());
    remove();
    fs.mkdirSync(state, { recursive: true });
    fs.mkdirSync(path.join(directory, "authority"));
    fs.writeFileSync(path.join(directory, "authority", "Caddyfile"), authorityFile);
    for (const folder of [directory, path.dirname(state), state, path.join(directory, "authority")])
      fs.chmodSync(folder, 0o755);
    // Private addresses: only from such ones a load balancer is believed.
    docker("network", "create", ...label, "--subnet", "10.198.89.0/24", names.network);
    const aliases = Object.values(servers).flatMap((url) => ["--network-alias", new URL(url).hostname]);
    const files = ["-v", `${path.join(directory, "authority")}:/etc/caddy:ro`];
    docker(
      "run",
      "-d",
      "--name",
      names.authority,
      ...label,
      "--network",
      names.network,
      ...aliases,
      ...files,
      proxyImage,
      ...caddy,
    );
    for (const url of Object.values(servers)) {
      // A refusal would be followed by another try only after a minute.
      const fetch = ["exec", names.authority, "wget", "--no-check-certificate", "-q", "-O", "/dev/null", url];
      await until("the authority", () => docker(...fetch));
    }
    roots = localAuthority(names.authority);
  });
  after(() => {
    remove();
    fs.rmSync(directory, { recursive: true });
  });

  const caddy = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"];

  function remove() {
    removeContainers([names.proxy, names.balancer, names.authority], names.network);
    spawnSync("docker", ["volume", "rm", "--force", names.certificates]);
  }

  const times = (container: string, pattern: RegExp) => [...log(container).matchAll(pattern)].length;
  const orders = () => times(names.authority, /"uri":"[^"]*\/new-order"/g);

  /** The proxy as in its place, in the place of the one before it, with the volume that it keeps certificates on. */
  function startProxy(site: Partial<SiteArgs> = {}, place: ProxyPlace = "host", hosts: readonly string[] = [domain]) {
    const usual = {
      domain,
      tls: "acme",
      acmeEmail: "ops@example.com",
      acmeServer: servers["http-01"],
      acmeRoots: roots,
    } as const;
    const files = siteFiles({ ...usualSite, ...usual, bodyMegabytes: 1, tlsCertificate: "", ...site }, place);
    const folder = path.dirname(state);
    for (const [name, text] of Object.entries({ ...files, "maintenance.html": maintenancePage, "state/hold": "" })) {
      fs.writeFileSync(path.join(folder, name), text, { mode: 0o644 });
    }
    spawnSync("docker", ["rm", "--force", "--volumes", names.proxy]);
    const mounts = [
      "--tmpfs",
      "/config",
      "--tmpfs",
      "/spool:uid=1000,gid=1000",
      "-v",
      `${folder}:/etc/caddy:ro`,
      "-v",
      `${names.certificates}:/data:nocopy`,
    ];
    const reached = place === "host" ? reachable([80, 443], hosts) : [];
    const variables = ["-e", "XDG_CONFIG_HOME=/config", "-e", "XDG_DATA_HOME=/data"];
    docker(
      ...[
        "run",
        "-d",
        "--name",
        names.proxy,
        ...label,
        "--network",
        names.network,
        ...asProxy,
        ...mounts,
        ...variables,
      ],
      ...[...reached, proxyImage, ...caddy],
    );
  }
  /** Who has these names, and ports that the test reaches. */
  const reachable = (ports: readonly number[], hosts: readonly string[] = [domain]) => [
    ...hosts.flatMap((name) => ["--network-alias", name]),
    ...ports.flatMap((port) => ["-p", `${address}:${port}:${port}`]),
  ];

  /** Nothing on the volume, which belongs to the proxy's user as the worker makes it. */
  function forgetCertificates() {
    spawnSync("docker", ["rm", "--force", "--volumes", names.proxy, names.balancer]);
    spawnSync("docker", ["volume", "rm", "--force", names.certificates]);
    docker("volume", "create", ...label, names.certificates);
    const mount = ["-v", `${names.certificates}:/data:nocopy`, "--entrypoint", "chown"];
    docker("run", "--rm", ...label, "--network", "none", "--user", "0", ...mount, proxyImage, "1000:1000", "/data");
  }

  /** Believes the test's authority and nobody else. */
  function ask(name: string = domain): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = {
        host: address,
        servername: name,
        ca: roots,
        agent: false as const,
        timeout: 60_000,
        headers: { host: name },
      };
      const request = https.get(options, (response) => {
        const certificate = (response.socket as TLSSocket).getPeerCertificate(true);
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("error", reject);
        const { statusCode: status = 0, headers } = response;
        response.on("end", () => resolve({ status, location: headers.location, text, certificate }));
      });
      request.on("timeout", () => request.destroy(new Error("no answer"))).on("error", reject);
    });
  }
  const served = (name: string = domain) => until("an answer with a certificate of the authority", () => ask(name));

  function assertCertified({ status, text, certificate }: Answer, name: string = domain) {
    // Nobody is behind the proxy: it is closed, or Odoo is not reached.
    assert.equal(status, 503);
    assert.equal(text.trim(), maintenancePage.trim());
    assertIssued(certificate, name);
  }

  function assertIssued(certificate: DetailedPeerCertificate, name: string) {
    assert.equal(certificate.subjectaltname, `DNS:${name}`);
    assert.match(String(certificate.issuerCertificate.subject.CN), /Intermediate/);
    assert.equal(
      certificate.issuerCertificate.issuerCertificate.raw.toString("base64"),
      roots.replaceAll(/-----.*-----|\s/g, ""),
    );
  }
  const solved = (challenge: Challenge) =>
    times(
      names.proxy,
      {
        "http-01": /served key authentication\t.*"challenge": "http-01"/g,
        "tls-alpn-01": /served key authentication certificate/g,
      }[challenge],
    );

  describe("on a host that is closed for maintenance", () => {
    let first: Answer;
    before(() => {
      forgetCertificates();
      fs.writeFileSync(path.join(state, "closed"), "");
    });
    after(() => fs.rmSync(path.join(state, "closed")));

    it("is not ordered from a server that nobody vouches for", async () => {
      startProxy({ acmeRoots: "" });
      await until("the refusal", () => assert.match(log(names.proxy), /certificate signed by unknown authority/));
      assert.equal(orders(), 0);
    });

    it("is ordered and served after a challenge on port 80", async () => {
      startProxy();
      first = await served();
      assertCertified(first);
      assert.equal(orders(), 1);
      assert.ok(solved("http-01") > 0, log(names.proxy));
    });

    it("is kept by the next container, which orders none", async () => {
      startProxy();
      assert.equal((await served()).certificate.fingerprint256, first.certificate.fingerprint256);
      await sleep(5000);
      assert.equal(orders(), 1);
    });

    it("is served also while the authority is away", async () => {
      docker("stop", "--time", "1", names.authority);
      startProxy();
      assert.equal((await served()).certificate.fingerprint256, first.certificate.fingerprint256);
    });

    it("is served although its renewal fails, and renewed once the authority is back", async () => {
      const due = Date.parse(first.certificate.valid_to) - renewedMinutes * 60_000;
      await sleep(Math.max(0, due + 2000 - Date.now()));
      startProxy();
      await until("the failure", () => assert.match(log(names.proxy), /will retry/));
      assert.equal((await served()).certificate.fingerprint256, first.certificate.fingerprint256);
      docker("start", names.authority);
      let renewed: Answer;
      do {
        await sleep(1000);
        // Nobody is turned away meanwhile.
        renewed = await ask();
        assertCertified(renewed);
      } while (
        renewed.certificate.fingerprint256 === first.certificate.fingerprint256 &&
        Date.now() < due + 15 * 60_000
      );
      assert.notEqual(renewed.certificate.fingerprint256, first.certificate.fingerprint256);
      assert.equal(orders(), 2);
    });

    it("is ordered anew, after a challenge on port 443, when the setting names another server", async () => {
      const before = (await served()).certificate.fingerprint256;
      startProxy({ acmeServer: servers["tls-alpn-01"] });
      const answer = await served();
      assertCertified(answer);
      assert.notEqual(answer.certificate.fingerprint256, before);
      assert.equal(orders(), 3);
      assert.ok(solved("tls-alpn-01") > 0, log(names.proxy));
    });
  });

  describe("on a host with several names, of which one still leads elsewhere", () => {
    const [alias, redirected] = ["shop.internal", "www.erp.internal"];
    const site = { aliases: [alias, late], redirectFrom: [redirected] };
    /** Tells the authority where the name leads, before it asks the network. */
    const lead = (line: string) => {
      const script = `grep -v ${late} /etc/hosts > /tmp/hosts; echo "$0" >> /tmp/hosts; cat /tmp/hosts > /etc/hosts`;
      docker("exec", "--user", "0", names.authority, "sh", "-c", script, line);
    };

    before(() => {
      forgetCertificates();
      fs.writeFileSync(path.join(state, "closed"), "");
      lead(`127.0.0.1 ${late}`);
      startProxy(site, "host", [domain, alias, redirected]);
    });
    after(() => fs.rmSync(path.join(state, "closed")));

    it("is ordered and served for each name that leads here", async () => {
      for (const name of [domain, alias]) assertCertified(await served(name), name);
      const { status, location, certificate } = await served(redirected);
      assert.deepEqual([status, location], [308, `https://${domain}/`]);
      assertIssued(certificate, redirected);
    });

    it("is refused for the one that does not, which has an alert in its place, and the others serve", async () => {
      await until("a try", () => assert.match(log(names.proxy), /trying to solve challenge.*late\.internal/));
      await assert.rejects(ask(late), /alert/);
      assertCertified(await ask(alias), alias);
    });

    // Caddy tries again by itself; but this authority leaves an order open whose challenge has failed, which Let's
    // Encrypt does not.
    it("is ordered for that one alone when the proxy starts once it leads here, too", async () => {
      const before = orders();
      lead("");
      // A program in Go believes for five seconds what it has read in that file.
      await sleep(6000);
      startProxy(site, "host", [domain, alias, redirected, late]);
      assertCertified(await served(late), late);
      assert.equal(orders(), before + 1);
    });
  });

  describe("behind a cluster's load balancer with the PROXY protocol", () => {
    for (const challenge of Object.keys(servers) as Challenge[]) {
      it(`is ordered and served by ${challenge}`, async () => {
        forgetCertificates();
        const script = path.join(paths.root, "test", "fixtures", "load_balancer.py");
        const mount = ["-v", `${script}:/load_balancer.py:ro`, "--user", "0", "--entrypoint", "python3"];
        const ports = [`80:${clusterPorts.http}`, `443:${clusterPorts.https}`];
        docker(
          ...[
            "run",
            "-d",
            "--name",
            names.balancer,
            ...label,
            "--network",
            names.network,
            ...reachable([80, 443]),
            ...mount,
          ],
          ...[pythonImage, "-B", "/load_balancer.py", names.proxy, ...ports],
        );
        startProxy({ acmeServer: servers[challenge] }, "cluster");
        assertCertified(await served());
        assert.ok(solved(challenge) > 0, log(names.proxy));
      });
    }
  });
});
