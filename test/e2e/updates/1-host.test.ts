import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { privateAddress, publicAddress, reservedAddress } from "../../../sandbox/digitalocean/machines";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { readServers } from "../../../sandbox/servers-control";
import { opensTheApps } from "../../support/apps-page";
import { fetchedStyleSheet, rendersPdf } from "../../support/pdf";
import { endsGuessing, followsTheRules } from "../../support/proxy-rules";
import { passwordFile, SandboxHost } from "../../support/sandbox-host";
import { pulumi, read, whatPulumiTells } from "../../support/sandbox-stack";
import { undocumented } from "../../support/documented-secrets";
import { findIn } from "../../support/secret-search";
import { connects } from "../../support/site-requests";
import { takesLargeUpload } from "../../support/upload";
import { Endpoint, RpcClient } from "../../support/endpoint";

const database = "odoo";
const mebibyte = 1 << 20;
const containers = ["odoo-ce", "odoo-db", "odoo-proxy"] as const;
const named = ["odoo-db-data", "odoo-filestore", "odoo-proxy-data"];

interface Inspected {
  readonly HostConfig: Record<string, unknown> & { readonly CapAdd: readonly string[] | null; readonly Memory: number };
  readonly Config: { readonly User: string; readonly Image: string };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
  readonly NetworkSettings: { readonly Networks: Record<string, unknown> };
}

describe("the VPS that npm start leaves behind", () => {
  let host: SandboxHost;
  let endpoint: Endpoint;
  let password: string;

  before(async () => {
    host = await SandboxHost.open();
    endpoint = host.endpoint();
  });
  after(() => {
    endpoint.close();
    host.close();
  });

  const inspect = (container: string) => (JSON.parse(host.sh(`docker inspect ${container}`)) as [Inspected])[0];
  const admin = () => RpcClient.login(endpoint, database, "admin", password);
  const ids = () => host.sh(`docker inspect -f '{{.Name}} {{.Id}}' ${containers.join(" ")}`);

  describe("answers users", () => {
    it("by its name, and on the droplet's own address, too", async () => {
      assert.equal(host.url.href, "https://odoo.test/");
      const { status } = await new Endpoint({ ...host.proxy, host: publicAddress(0) }).request("GET", "/web/login");
      assert.equal(status, 200);
    });

    followsTheRules(
      () => host,
      () => host.sh("docker logs --since 2m odoo-ce 2>&1"),
    );
  });

  describe("is closed elsewhere", () => {
    it("so that 8069 and 5432 are reached from the host itself at most", async () => {
      const addresses = [publicAddress(0), reservedAddress(0), privateAddress(0)];
      for (const address of addresses) {
        assert.equal(await connects(address, 443), true, `${address}:443`);
        for (const port of [8069, 8071, 8072, 5432, 2019, 2375])
          assert.equal(await connects(address, port), false, `${address}:${port}`);
      }
      assert.equal(host.sh("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8069/web/login"), "200");
      assert.notEqual(host.run("curl -s -m 2 telnet://127.0.0.1:5432 < /dev/null").status, 0);
    });

    it("also without its firewall: nothing else listens on an address of others", () => {
      const listening = host.sh("ss -Hltn | awk '{print $4}'").split("\n");
      assert.ok(listening.includes("127.0.0.1:8069"), listening.join(" "));
      const open = listening
        .filter((address) => !address.startsWith("127."))
        .map((address) => address.split(":").at(-1));
      assert.deepEqual([...new Set(open)].sort(), ["22", "443", "80"]);
    });

    it("and PostgreSQL is in a network without a way out", () => {
      assert.equal(host.sh("docker network inspect -f '{{.Internal}}' odoo_backend odoo_edge"), "true\nfalse");
      assert.deepEqual(Object.keys(inspect("odoo-db").NetworkSettings.Networks), ["odoo_backend"]);
      assert.deepEqual(Object.keys(inspect("odoo-proxy").NetworkSettings.Networks), ["odoo_edge"]);
    });
  });

  describe("lets its operator in", () => {
    it("with a password that is shown once", async () => {
      const shown = host.run("odoo-ship first-login");
      if (shown.status === 0) {
        assert.match(shown.stdout, /^user: admin\npassword: \S{16,}\n$/);
        fs.rmSync(passwordFile, { force: true });
        fs.writeFileSync(passwordFile, /^password: (.*)$/m.exec(shown.stdout)?.[1] ?? "", { mode: 0o600 });
      } else {
        assert.ok(fs.existsSync(passwordFile), `the first password was taken by hand, and is not in ${passwordFile}`);
      }
      password = fs.readFileSync(passwordFile, "utf8");
      const again = host.run("odoo-ship first-login");
      assert.deepEqual([again.status, again.stdout], [1, ""]);
      assert.match(again.stderr, /shown already/);
      assert.equal(host.sh("find /var/lib/odoo-ship -name 'first-login*'"), "");
      await admin();
      await assert.rejects(RpcClient.login(endpoint, database, "admin", "admin"), /cannot log in/);
    });

    it("by a browser that trusts nothing but the verified key", async () => {
      await opensTheApps(host, password, "apps.png");
    });
  });

  describe("is hardened", () => {
    const tmpfs = (size: string, rest: string) => `rw,noexec,nosuid,nodev,size=${size},mode=${rest}`;
    const expected: Record<(typeof containers)[number], { user: string; add: string[]; tmpfs: object; ports: object }> =
      {
        "odoo-ce": {
          user: "100:101",
          add: [],
          // Modules that an intruder leaves beside those of the image end with the container.
          tmpfs: {
            "/tmp": tmpfs("160m", "1777"),
            "/run": tmpfs("16m", "1777"),
            "/var/lib/odoo/addons": tmpfs("1m", "0700,uid=100,gid=101"),
          },
          ports: {},
        },
        "odoo-db": {
          user: "999:999",
          add: [],
          tmpfs: { "/tmp": tmpfs("100m", "1777"), "/var/run/postgresql": tmpfs("16m", "0775,uid=999,gid=999") },
          ports: {},
        },
        "odoo-proxy": {
          user: "1000:1000",
          add: ["NET_BIND_SERVICE"],
          tmpfs: { "/tmp": tmpfs("100m", "1777"), "/config": tmpfs("1m", "0700,uid=1000,gid=1000") },
          ports: {
            ...Object.fromEntries(
              ["80/tcp", "443/tcp", "443/udp"].map((port) => [port, [{ HostIp: "", HostPort: port.split("/")[0] }]]),
            ),
            "8070/tcp": [{ HostIp: "127.0.0.1", HostPort: "8069" }],
          },
        },
      };

    it("and runs these three containers, by digest", () => {
      assert.deepEqual(host.sh("docker ps -a --format '{{.Names}}'").split("\n").sort(), [...containers]);
      for (const container of containers) assert.match(inspect(container).Config.Image, /@sha256:[0-9a-f]{64}$/);
    });

    for (const container of containers) {
      it(`in how ${container} is set up`, () => {
        const { HostConfig: set, Config, Mounts } = inspect(container);
        const { user, add, tmpfs: memory, ports } = expected[container];
        assert.deepEqual(
          {
            user: Config.User,
            privileged: set["Privileged"],
            readOnly: set["ReadonlyRootfs"],
            drop: set["CapDrop"],
            add: (set.CapAdd ?? []).map((name) => name.replace(/^CAP_/, "")),
            security: set["SecurityOpt"],
            tmpfs: set["Tmpfs"],
            ports: set["PortBindings"],
            restart: (set["RestartPolicy"] as { Name: string }).Name,
            log: set["LogConfig"],
            devices: set["Devices"] ?? [],
            ofTheHost: [set["PidMode"], set["UTSMode"], set["UsernsMode"], set["IpcMode"]],
          },
          {
            user,
            privileged: false,
            readOnly: true,
            drop: ["ALL"],
            add,
            security: ["no-new-privileges:true"],
            tmpfs: memory,
            ports,
            restart: "unless-stopped",
            log: { Type: "json-file", Config: { "max-file": "5", "max-size": "100m" } },
            devices: [],
            ofTheHost: ["", "", "", "private"],
          },
        );
        assert.ok((set["MaskedPaths"] as string[]).includes("/proc/kcore"));
        for (const limit of ["Memory", "NanoCpus", "PidsLimit"]) assert.ok(Number(set[limit]) > 0, limit);
        const writable = Mounts.filter(({ RW, Type }) => RW && Type === "bind");
        assert.deepEqual(writable, [], "directories of the host that it can write to");
      });

      it(`in what the processes of ${container} are`, () => {
        const script = `for pid in $(docker top ${container} -eo pid | tail -n +2); do
          sed -n 's/^\\(Uid\\|CapEff\\|CapBnd\\|NoNewPrivs\\|Seccomp\\):\\s*/\\1 /p' /proc/$pid/status 2>/dev/null | tr '\\t\\n' '  '; echo; done`;
        const found = new Set(
          host
            .sh(script)
            .split("\n")
            .filter((line) => line.trim() !== "")
            .map((line) => line.trim()),
        );
        const uid = expected[container].user.split(":")[0] ?? "";
        const capabilities = container === "odoo-proxy" ? "0000000000000400" : "0000000000000000";
        const line = `Uid ${[uid, uid, uid, uid].join(" ")} CapEff ${capabilities} CapBnd ${capabilities} NoNewPrivs 1 Seccomp 2`;
        assert.deepEqual([...found], [line]);
      });

      it(`in that nothing can be written into ${container}, not even by root`, () => {
        for (const user of [expected[container].user, "0:0"]) {
          const { status, stderr } = host.run(`docker exec -u ${user} ${container} touch /written`);
          assert.notEqual(status, 0);
          assert.match(stderr, /Read-only file system/);
        }
        host.sh(`docker exec ${container} sh -c 'touch /tmp/written && rm /tmp/written'`);
      });
    }

    it("and Odoo gets 2 GiB and 2 processors, of which 512 MiB are its own", () => {
      const { Memory, MemoryReservation, NanoCpus } = inspect("odoo-ce").HostConfig;
      assert.deepEqual([Memory, MemoryReservation, NanoCpus], [2048 * mebibyte, 512 * mebibyte, 2e9]);
    });

    it("yet renders a PDF with style sheet and image", async () => {
      await rendersPdf(endpoint, await admin(), password);
      assert.match(host.sh("docker logs --since 2m odoo-ce 2>&1"), fetchedStyleSheet);
    });

    it("yet takes an upload as large as the proxy does", async () => {
      await takesLargeUpload(endpoint, await admin(), password);
    });

    it("with secrets of one reader each", () => {
      assert.equal(
        host.sh("cd /opt/odoo/secrets && find . -mindepth 1 -printf '%f %m %U %y\\n' | sort"),
        [
          "odoo-db-password 400 100 f",
          "odoo-master-password 400 100 f",
          "odoo-tasks-password 400 100 f",
          "postgres-password 400 999 f",
        ].join("\n"),
      );
      assert.equal(host.sh("stat -c '%a %u' /var/lib/odoo-ship /opt/odoo/secrets"), "700 0\n711 0");
      assert.equal(host.sh("find /var/lib/odoo-ship -type f -perm /077"), "");
      assert.notEqual(host.sh("sha256sum /opt/odoo/secrets/* | cut -d' ' -f1 | sort -u | wc -l"), "1");
    });

    it("and keeps nothing but the named volumes, on the data Volume", () => {
      const volumes = containers.flatMap((container) =>
        inspect(container).Mounts.filter(({ Type }) => Type === "volume"),
      );
      // Docker makes one for what the base image declares. No code is loaded from it, see below.
      const kept = volumes.filter(({ Destination }) => Destination !== "/mnt/extra-addons");
      assert.deepEqual(kept.map(({ Name }) => Name).sort(), named);
      assert.deepEqual(host.sh("docker volume ls -q").split("\n").sort(), volumes.map(({ Name }) => Name).sort());
      for (const volume of named) {
        const source = host.sh(`findmnt -nvo SOURCE,FSROOT -T $(docker volume inspect -f '{{.Mountpoint}}' ${volume})`);
        assert.equal(source.split(/\s+/)[0], host.sh("findmnt -nvo SOURCE /mnt/odoo-sandbox-data"), volume);
        assert.equal(source.split(/\s+/)[1], `/${volume}`);
      }
    });
  });

  describe("tells no secrets", () => {
    const planted = `planted-${randomUUID()}`;
    const secretFiles = ["odoo-db-password", "odoo-master-password", "odoo-tasks-password", "postgres-password"].map(
      (name) => `/opt/odoo/secrets/${name}`,
    );
    let secrets: Record<string, string>;

    before(async () => {
      const servers = readServers();
      assert.ok(servers !== undefined);
      const { stdout } = await pulumi("stack", "output", "--json", "--show-secrets");
      const { pullCredentials } = JSON.parse(stdout) as { pullCredentials: { username: string; password: string } };
      const key = sandboxEnvironment(servers)["VPS_SSH_PRIVATE_KEY"]?.split("\n") ?? [];
      secrets = {
        "administrator's password": password,
        "pull password": pullCredentials.password,
        "push password": servers.push.password,
        "DigitalOcean token": servers.token,
        // A line from its middle: the first ones are the same in every key.
        "SSH private key": key[3] ?? "",
      };
      for (const [name, value] of Object.entries(secrets)) assert.ok(value.length >= 16, `${name} is not known`);
    });

    it("on the host, where a planted one is found in each place", () => {
      const script = fs.readFileSync(path.join(__dirname, "..", "..", "support", "find_secrets.py"), "utf8");
      host.sh("cat > /root/find_secrets.py", script);
      // Each place gets it as a secret would get there.
      host.sh(`
        echo ${planted} | systemd-cat -t planted
        curl -s -o /dev/null 'http://127.0.0.1:8069/web/login?${planted}'
        docker create --name planted --label planted=${planted} $(docker inspect -f '{{.Image}}' odoo-proxy) > /dev/null
        echo ${planted} > /opt/odoo/planted && chmod 600 /opt/odoo/planted
        echo ${planted} > /tmp/planted && chmod 644 /tmp/planted
        systemd-run -q --unit planted sh -c 'sleep 300; : ${planted}'
        journalctl --sync`);
      try {
        const found = JSON.parse(
          host.sh(
            "python3 -I /root/find_secrets.py",
            JSON.stringify({ secrets: { ...secrets, planted }, files: secretFiles }),
          ),
        ) as Record<string, string[]>;
        assert.deepEqual(found, {
          journal: ["planted"],
          "container logs": ["planted"],
          "container descriptions": ["planted"],
          "image histories": [],
          "arguments of processes": ["planted"],
          "Compose project": ["planted"],
          "world-readable files": ["planted"],
          "their own files": secretFiles,
          "login to the registry": ["pull password"],
        });
      } finally {
        host.sh(`systemctl stop planted; docker rm -f planted > /dev/null
          rm -f /opt/odoo/planted /tmp/planted /root/find_secrets.py`);
      }
    });

    it("in Pulumi's state, in its output or in a preview, and gives none to a process as an argument", async () => {
      Object.assign(
        secrets,
        Object.fromEntries(
          host
            .sh(`tail -n +1 -q ${secretFiles.join(" ")}`)
            .split("\n")
            .map((value, index) => [secretFiles[index], value]),
        ),
      );
      const places = await whatPulumiTells();
      assert.match(places.state, /"ciphertext"/);
      assert.match(places.log, /odoo-vps|vps/);
      assert.match(places.preview, /ComposeHost|unchanged/);
      assert.match(places.processes, /preview --diff/);
      assert.deepEqual(findIn(places, secrets), { state: [], log: [], preview: [], processes: [] });
      // Decrypted it has what docs/secrets-in-the-state.md tells of: of the host's, the pull login.
      const decrypted = (await pulumi("stack", "export", "--show-secrets")).stdout;
      assert.deepEqual(undocumented(decrypted), []);
      assert.deepEqual(findIn({ decrypted }, secrets), { decrypted: ["pull password"] });
      // The search finds what is there.
      assert.ok(read(passwordFile).includes(secrets["administrator's password"] ?? " "));
      assert.ok(read(path.join(paths.state, "vps-ssh-key")).includes(secrets["SSH private key"] ?? " "));
    });
  });

  describe("is looked after by hand", () => {
    const labels = () =>
      JSON.parse(
        host.sh("docker image inspect -f '{{json .Config.Labels}}' $(docker inspect -f '{{.Image}}' odoo-ce)"),
      ) as Record<string, string>;

    it("with docker compose up -d, which changes nothing", () => {
      const before = ids();
      host.sh("cd /opt/odoo && docker compose up -d");
      assert.equal(ids(), before);
    });

    it("and runs the image's addons, whatever is in the volume that the base image declares", async () => {
      const declared = host.sh(
        "docker image inspect -f '{{json .Config.Volumes}}' $(docker inspect -f '{{.Image}}' odoo-ce)",
      );
      assert.match(declared, /"\/mnt\/extra-addons"/);
      const there = "/mnt/extra-addons/release_info";
      // As a container of an older release would have left it; a place that takes nothing is as good.
      const left =
        host.run(`docker exec odoo-ce sh -c 'rm -rf ${there} && mkdir ${there} && echo old > ${there}/__init__.py'`)
          .status === 0;
      const before = ids();
      host.sh("cd /opt/odoo && docker compose up -d --force-recreate odoo");
      assert.notEqual(ids(), before);
      await answers();
      const release = (await (await admin()).call("release.info", "current")) as {
        contentHash: string;
        modules: object;
      };
      assert.equal(release.contentHash, labels()["io.odoo.content-hash"]);
      assert.deepEqual(release.modules, JSON.parse(labels()["io.odoo.modules"] ?? ""));
      const addons = host.sh("docker exec odoo-ce sed -n 's/^addons_path = //p' /run/odoo/odoo.conf").split(",");
      assert.ok(addons.includes("/opt/odoo/extra-addons") && !addons.includes("/mnt/extra-addons"), addons.join());
      if (left) {
        assert.equal(host.sh(`docker exec odoo-ce cat ${there}/__init__.py`), "old", "the volume was carried over");
        host.sh(`docker exec odoo-ce sh -c 'rm -r ${there} && ln -s /opt/odoo/extra-addons/release_info ${there}'`);
      }
    });
  });

  describe("stops", () => {
    endsGuessing(() => host);
  });

  async function answers(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const { status } = await endpoint.request("GET", "/web/login");
      if (status === 200) return;
      assert.ok(attempt < 600, `/web/login answers ${status}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
});
