import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";

import { packagesAlone } from "../../../gates/sbom";
import { findTool } from "../../../gates/tools/find";
import { toolNames, type ToolName } from "../../../gates/tools/table";
import { paths } from "../../config";
import { clamavTestDatabase, ensureGateTools, gateToolFolders } from "../../tools/gate-tools";
import { writeTrivyDatabase } from "../../tools/trivy-database";
import { RunningServers } from "../helpers/running-servers";

/** What antivirus programs agree to find; split, so that none finds it here. */
const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("");
const gatesType = "https://odoo-ship.example/gates/v1";

/**
 * Whether the real tools do on an image in a registry over HTTP with a login, without the public network, what a gate will ask of them. The
 * image is a few files of a Debian: that a whole one is scanned is shown where gates are.
 */
describe("the tools of the gates", () => {
  const servers = new RunningServers();
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-gates-"));
  const at = (...parts: string[]): string => path.join(home, ...parts);
  const docker = at("docker");
  const environment = { ...process.env, DOCKER_CONFIG: docker, COSIGN_PASSWORD: "of the key" };
  const tools = new Map<ToolName, string>();
  let registry: string;
  let image: string;

  const write = (file: string, text: string): string => {
    fs.mkdirSync(path.dirname(at(file)), { recursive: true });
    fs.writeFileSync(at(file), text);
    return at(file);
  };
  /** The servers are in this process, and have to answer meanwhile. */
  const program = (
    command: string,
    args: readonly string[],
    input: string | Buffer = "",
    more: NodeJS.ProcessEnv = {},
  ) =>
    new Promise<Ended>((resolve, reject) => {
      const child = spawn(command, args, { cwd: home, env: { ...environment, ...more } });
      const ended = { stdout: "", stderr: "" };
      child.stdout.setEncoding("utf8").on("data", (data: string) => (ended.stdout += data));
      child.stderr.setEncoding("utf8").on("data", (data: string) => (ended.stderr += data));
      child.on("error", reject).on("close", (status) => resolve({ status, ...ended }));
      child.stdin.on("error", () => undefined).end(input);
    });
  const tool = (name: ToolName, ...args: string[]) => program(tools.get(name) ?? name, args);
  /** Its standard output, once it has ended as it should. */
  const answer = async (expected: number, running: Promise<Ended>): Promise<string> => {
    const { status, stdout, stderr } = await running;
    assert.equal(status, expected, `${stdout}\n${stderr}`);
    return stdout;
  };
  const push = async (root: string, name: string): Promise<string> => {
    const reference = `${registry}/gates/${name}:1`;
    const archive = spawnSync("tar", ["-C", root, "-c", "."]).stdout;
    await answer(0, program("docker", ["import", "-", reference], archive));
    await answer(0, program("docker", ["push", "--quiet", reference]));
    const format = "{{index .RepoDigests 0}}";
    const digest = await answer(0, program("docker", ["image", "inspect", "--format", format, reference]));
    await answer(0, program("docker", ["image", "rm", reference]));
    return digest.trim();
  };

  before(async function () {
    // What is compiled has a limit of its own: one that a slow machine does not meet.
    this.timeout(0);
    await ensureGateTools(() => undefined);
    const searched = [...gateToolFolders(), process.env["PATH"] ?? ""].join(path.delimiter);
    for (const name of toolNames) tools.set(name, (await findTool(name, { searched })).path);
    await servers.start();
    registry = new URL(servers.servers.registryUrl).host;
    fs.mkdirSync(docker);
    const { username, password } = servers.servers.push;
    await answer(0, program("docker", ["login", "--username", username, "--password-stdin", registry], password));
    write("root/etc/os-release", 'ID=debian\nVERSION_ID="13"\n');
    write("root/etc/debian_version", "13.1\n");
    const dpkg = (name: string, version: string, source = name) =>
      `Package: ${name}\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: amd64\nSource: ${source}\nVersion: ${version}\n`;
    write(
      "root/var/lib/dpkg/status",
      [dpkg("libssl3t64", "3.5.1-1", "openssl"), dpkg("zlib1g", "1:1.3.1-1", "zlib")].join("\n"),
    );
    write("root/usr/lib/libz.so.1", "no library");
    write("root/var/lib/dpkg/info/zlib1g.md5sums", `${"0".repeat(32)}  usr/lib/libz.so.1\n`);
    const site = "root/usr/local/lib/python3.13/site-packages/";
    write(`${site}planted-1.0.dist-info/METADATA`, "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n");
    write("root/srv/download/eicar.txt", eicar);
    image = await push(at("root"), "odoo");
  });
  after(async () => {
    await servers.remove();
    fs.rmSync(home, { recursive: true, force: true });
  });

  describe("Trivy", () => {
    const scan = async (expected: number, ...more: string[]): Promise<ScanReport> => {
      const offline = ["--skip-db-update", "--skip-java-db-update", "--offline-scan", "--cache-dir", at("trivy")];
      const only = ["--scanners", "vuln", "--image-src", "remote", "--quiet", "--format", "json", "--exit-code", "3"];
      await answer(expected, tool("trivy", "image", ...offline, ...only, "--output", at("scan.json"), ...more, image));
      return JSON.parse(fs.readFileSync(at("scan.json"), "utf8")) as ScanReport;
    };
    const holesOf = ({ Results = [] }: ScanReport) =>
      Results.flatMap(({ Vulnerabilities = [] }) => Vulnerabilities).map(
        (hole) => `${hole.PkgName} ${hole.Severity} ${hole.Status}`,
      );
    const updatedAt = new Date("2026-01-02T03:04:05Z");
    before(() =>
      writeTrivyDatabase(
        at("trivy"),
        [
          {
            source: "debian 13",
            package: "openssl",
            id: "CVE-2099-1",
            title: "Mended",
            severity: "CRITICAL",
            fixedVersion: "3.5.9-1",
          },
          { source: "debian 13", package: "zlib", id: "CVE-2099-2", title: "Not mended", severity: "HIGH" },
          {
            source: "debian 13",
            package: "bash",
            id: "CVE-2099-3",
            title: "Elsewhere",
            severity: "HIGH",
            fixedVersion: "9-1",
          },
          {
            ...{
              source: "pip::planted",
              package: "planted",
              id: "CVE-2099-4",
              title: "Python",
              severity: "HIGH" as const,
            },
            ...{ vulnerableVersions: ["<1.1"], patchedVersions: ["1.1"] },
          },
        ],
        { updatedAt },
      ),
    );

    it("finds holes in packages of the distribution and of Python, by exit code and as JSON", async () => {
      const report = await scan(3);
      assert.equal(report.Metadata.OS.Family, "debian");
      assert.deepEqual(holesOf(report), ["libssl3t64 CRITICAL fixed", "zlib1g HIGH affected", "planted HIGH fixed"]);
      assert.deepEqual(holesOf(await scan(3, "--severity", "CRITICAL")), ["libssl3t64 CRITICAL fixed"]);
      assert.deepEqual(holesOf(await scan(3, "--ignore-unfixed")), ["libssl3t64 CRITICAL fixed", "planted HIGH fixed"]);
    });

    it("goes by exceptions until they end, and tells them", async () => {
      const exception = (end: string) =>
        write(
          ".trivyignore.yaml",
          `vulnerabilities:\n  - { id: CVE-2099-1, statement: not reachable, expired_at: ${end} }\n`,
        );
      const options = ["--severity", "CRITICAL", "--ignorefile", at(".trivyignore.yaml"), "--show-suppressed"];
      exception("2999-01-01");
      const [result] = (await scan(0, ...options)).Results ?? [];
      assert.deepEqual(
        result?.ExperimentalModifiedFindings?.map(({ Status, Statement }) => [Status, Statement]),
        [["ignored", "not reachable"]],
      );
      exception("2026-01-01");
      assert.equal(holesOf(await scan(3, ...options)).length, 1);
    });

    it("makes SARIF of a scan without another one, and tells how old its database is", async () => {
      await scan(3);
      await answer(0, tool("trivy", "convert", "--format", "sarif", "--output", at("scan.sarif"), at("scan.json")));
      const sarif = JSON.parse(fs.readFileSync(at("scan.sarif"), "utf8")) as {
        runs: { results: { ruleId: string }[] }[];
      };
      assert.deepEqual(
        sarif.runs[0]?.results.map(({ ruleId }) => ruleId),
        ["CVE-2099-1", "CVE-2099-2", "CVE-2099-4"],
      );
      const version = await answer(0, tool("trivy", "version", "--cache-dir", at("trivy"), "--format", "json"));
      const { VulnerabilityDB } = JSON.parse(version) as { VulnerabilityDB: { UpdatedAt: string } };
      assert.equal(Date.parse(VulnerabilityDB.UpdatedAt), updatedAt.getTime());
    });

    it("ends with another exit code than with findings where it has no database, or no login", async () => {
      const offline = ["--skip-db-update", "--quiet", "--image-src", "remote", "--exit-code", "3"];
      await answer(1, tool("trivy", "image", ...offline, "--cache-dir", at("empty"), image));
      const args = ["image", ...offline, "--cache-dir", at("trivy"), image];
      const refused = await program(tools.get("trivy") ?? "", args, "", { DOCKER_CONFIG: at("empty") });
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /UNAUTHORIZED/);
    });
  });

  it("Syft lists what is in the image, as SPDX and as CycloneDX at once", async () => {
    const outputs = ["--output", `spdx-json=${at("spdx.json")}`, "--output", `cyclonedx-json=${at("cyclonedx.json")}`];
    const args = ["scan", "--quiet", "--from", "registry", ...packagesAlone.args, ...outputs, image];
    await answer(0, program(tools.get("syft") ?? "syft", args, "", packagesAlone.env));
    const read = (file: string) => JSON.parse(fs.readFileSync(at(file), "utf8")) as Record<string, unknown>;
    const { spdxVersion, packages } = read("spdx.json") as { spdxVersion: string; packages: { name: string }[] };
    assert.match(spdxVersion, /^SPDX-2\./);
    // Files of packages would be most of it.
    assert.doesNotMatch(fs.readFileSync(at("spdx.json"), "utf8"), /libz\.so/);
    const names = packages.map(({ name }) => name);
    for (const name of ["libssl3t64", "zlib1g", "planted"]) assert.ok(names.includes(name), names.join());
    const { bomFormat, components } = read("cyclonedx.json") as { bomFormat: string; components: { name: string }[] };
    assert.equal(bomFormat, "CycloneDX");
    assert.ok(components.some(({ name }) => name === "planted"));
  });

  describe("cosign, with a key and without a transparency log", () => {
    /** Neither names a public service: nothing is asked of the network. */
    const [signing, root] = [at("signing-config.json"), at("trusted-root.json")];
    const key = async (name: string): Promise<string> => {
      fs.mkdirSync(at(name), { recursive: true });
      await answer(0, tool("cosign", "generate-key-pair", "--output-key-prefix", at(name, "cosign")));
      return at(name, "cosign");
    };
    const sign = ["--yes", "--signing-config", signing, "--trusted-root", root];
    const verify = ["--insecure-ignore-tlog", "--trusted-root", root, "--output", "json"];
    const types = async (expected: number, pair: string, reference: string): Promise<string[]> => {
      const verified = await answer(expected, tool("cosign", "verify", ...verify, "--key", `${pair}.pub`, reference));
      if (expected !== 0) return [];
      return (JSON.parse(verified) as { critical: { type: string } }[]).map(({ critical }) => critical.type);
    };
    let own: string;
    before(async () => {
      own = await key("own");
      await answer(0, tool("cosign", "signing-config", "create", "--out", signing));
      await answer(0, tool("cosign", "trusted-root", "create", "--out", root));
    });

    it("signs a digest, and knows another key, another digest and none from it", async () => {
      await types(10, own, image);
      await answer(0, tool("cosign", "sign", ...sign, "--key", `${own}.key`, image));
      assert.deepEqual(await types(0, own, image), ["https://sigstore.dev/cosign/sign/v1"]);
      await types(1, await key("other"), image);
      write("second/etc/os-release", "ID=debian\n");
      await types(10, own, await push(at("second"), "second"));
    });

    it("attests a predicate of a type; an attestation alone passes for a signature, so its type must be looked at", async () => {
      write("third/etc/os-release", "ID=debian\n");
      const third = await push(at("third"), "third");
      const predicate = write("gates.json", JSON.stringify({ passed: true }));
      const attest = ["attest", ...sign, "--key", `${own}.key`, "--type", gatesType, "--predicate", predicate];
      await answer(0, tool("cosign", ...attest, third));
      assert.deepEqual(await types(0, own, third), [gatesType]);
      const attested = (type: string) =>
        tool("cosign", "verify-attestation", ...verify, "--key", `${own}.pub`, "--type", type, third);
      const { payload } = JSON.parse(await answer(0, attested(gatesType))) as { payload: string };
      const statement = JSON.parse(Buffer.from(payload, "base64").toString()) as Record<string, unknown>;
      assert.deepEqual(statement["predicate"], { passed: true });
      assert.match(
        (await attested("spdxjson")).stderr,
        /none of the attestations matched the predicate type: spdxjson/,
      );
    });

    it("keeps both as referrers, by the tag that stands in for a registry's list of them", async () => {
      const [repository = "", digest = ""] = image.slice(registry.length + 1).split("@");
      const { username, password } = servers.servers.push;
      const { token } = await servers.token(username, password, `repository:${repository}:pull`);
      const accept = { headers: { accept: "application/vnd.oci.image.index.v1+json" } };
      const list = await servers.registry(
        "GET",
        `/v2/${repository}/manifests/${digest.replace(":", "-")}`,
        token,
        accept,
      );
      assert.equal(list.status, 200);
      assert.equal(((await list.json()) as { manifests: unknown[] }).manifests.length, 1);
    });
  });

  it("ClamAV finds by its signatures, and never passes without any", async () => {
    const scan = (database: string) =>
      tool("clamscan", "--recursive", "--infected", "--no-summary", "--database", database, at("root"));
    assert.match(await answer(1, scan(clamavTestDatabase)), /eicar\.txt: Test\.Eicar\.UNOFFICIAL FOUND/);
    fs.mkdirSync(at("no-signatures"));
    await answer(2, scan(at("no-signatures")));
  });

  it("hadolint tells each finding with its rule", async () => {
    const file = write("Dockerfile", "FROM debian:latest\nRUN cd /tmp && ls\n");
    const findings = JSON.parse(await answer(1, tool("hadolint", "--format", "json", file))) as {
      code: string;
      level: string;
    }[];
    assert.deepEqual(
      findings.map(({ code, level }) => `${code} ${level}`),
      ["DL3007 warning", "DL3003 warning"],
    );
  });

  it("hadolint has nothing to say of the project's own Dockerfiles, as somebody types it at the root", async () => {
    const files = ["Dockerfile", "images/odoo/Dockerfile", "images/proxy/Dockerfile"];
    const own = files.map((file) => path.join(paths.root, file));
    assert.deepEqual(JSON.parse(await answer(0, tool("hadolint", "--format", "json", ...own))), []);
  });

  it("bandit tells its findings, and apart from them, with no other exit code, what it could not read", async () => {
    write("addon/models.py", 'import subprocess\nsubprocess.call("ls", shell=True)\n');
    const found = JSON.parse(await answer(1, tool("bandit", "-r", "-q", "-f", "json", at("addon")))) as BanditReport;
    assert.ok(found.results.some(({ test_id, issue_severity }) => test_id === "B602" && issue_severity === "LOW"));
    write("broken/models.py", "def (:\n");
    const unread = JSON.parse(await answer(0, tool("bandit", "-r", "-q", "-f", "json", at("broken")))) as BanditReport;
    assert.match(unread.errors[0]?.reason ?? "", /syntax error/);
  });

  it("pip-audit asks a service that answers as OSV does", async () => {
    const hole = (name: string) => ({
      ...{ id: "GHSA-1", aliases: ["CVE-2099-4"], summary: "Planted", published: "2026-01-01T00:00:00Z" },
      modified: "2026-01-01T00:00:00Z",
      affected: [
        {
          package: { name, ecosystem: "PyPI" },
          ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "1.1" }] }],
        },
      ],
    });
    const service = http.createServer((request, response) => {
      let body = "";
      request
        .on("data", (data) => (body += String(data)))
        .on("end", () => {
          const { package: asked } = JSON.parse(body) as { package: { name: string } };
          response.end(JSON.stringify(asked.name === "planted" ? { vulns: [hole("planted")] } : {}));
        });
    });
    await new Promise<void>((done) => void service.listen(0, "127.0.0.1", done));
    try {
      const { port } = service.address() as AddressInfo;
      const url = ["--vulnerability-service", "osv", "--osv-url", `http://127.0.0.1:${port}/v1/query`];
      const file = write("requirements.txt", "planted==1.0\nother==2.0\n");
      const options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"];
      const { status, stdout } = await tool("pip-audit", "--requirement", file, ...options, ...url);
      assert.equal(status, 1);
      const { dependencies } = JSON.parse(stdout) as {
        dependencies: { name: string; vulns: { id: string; fix_versions: string[] }[] }[];
      };
      assert.deepEqual(
        dependencies.map(({ name, vulns }) => [
          name,
          vulns.map(({ id, fix_versions }) => `${id} ${fix_versions.join()}`),
        ]),
        [
          ["planted", ["CVE-2099-4 1.1"]],
          ["other", []],
        ],
      );
    } finally {
      service.close();
    }
  });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface ScanReport {
  readonly Metadata: { readonly OS: { readonly Family: string } };
  readonly Results?: readonly {
    readonly Vulnerabilities?: readonly {
      readonly PkgName: string;
      readonly Severity: string;
      readonly Status: string;
    }[];
    readonly ExperimentalModifiedFindings?: readonly { readonly Status: string; readonly Statement: string }[];
  }[];
}

interface BanditReport {
  readonly errors: readonly { readonly reason: string }[];
  readonly results: readonly { readonly test_id: string; readonly issue_severity: string }[];
}
