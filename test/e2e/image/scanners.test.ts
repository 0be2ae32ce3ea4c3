import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { gunzipSync } from "node:zlib";

import { Secret } from "../../../components/shared/secret";
import { SecretDesk } from "../../../components/shared/secret-desk";
import type { GateTools } from "../../../gates/gate";
import { malware } from "../../../gates/malware";
import { sbom, sbomFiles } from "../../../gates/sbom";
import { scan, type ScanOrder } from "../../../gates/scan";
import { findTool } from "../../../gates/tools/find";
import type { ToolName } from "../../../gates/tools/table";
import { digestOf, RunningServers } from "../../../sandbox/test/helpers/running-servers";
import { ensureGateTools, gateToolFolders } from "../../../sandbox/tools/gate-tools";
import { type PlantedHole, writeTrivyDatabase } from "../../../sandbox/tools/trivy-database";
import { antivirusSignatures, eicar } from "../../support/antivirus-signatures";
import { gateTools } from "../../support/gate-tools";
import { archive, ours, type PaperLayer } from "../../support/paper-registry";

const dayMs = 86_400_000;
const stack = "odoo/scanners";

const base: PaperLayer = {
  by: "base",
  files: {
    "etc/os-release": 'ID=debian\nVERSION_ID="13"\n',
    "etc/debian_version": "13.1\n",
    "var/lib/dpkg/status":
      "Package: libssl3t64\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: amd64\n" +
      "Source: openssl\nVersion: 3.5.1-1\n",
  },
};
const release = JSON.stringify({ modules: { shop: { version: "19.0.1.0.0", hash: "0".repeat(64) } } });
const own: PaperLayer = {
  by: "RUN pip install",
  files: {
    "usr/local/lib/python3.13/site-packages/planted-1.0.dist-info/METADATA":
      "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
    "opt/odoo/release.json": release,
  },
};
const eicarLayer: PaperLayer = { by: "COPY extra-addons", files: { "opt/odoo/extra-addons/shop/logo.png": eicar } };

const inBase: PlantedHole = {
  ...{ source: "debian 13", package: "openssl", id: "CVE-2099-1", title: "Of the base" },
  ...{ severity: "CRITICAL", fixedVersion: "3.5.9-1" },
};
const inOurs: PlantedHole = {
  ...{ source: "pip::planted", package: "planted", id: "CVE-2099-4", title: "Of ours", severity: "CRITICAL" },
  ...{ vulnerableVersions: ["<1.1"], patchedVersions: ["1.1"] },
};

/**
 * The gates of the pushed image with the real tools, on an image of a few files in a registry with a login. What it does
 * not show: the makers' databases, which a closed network does not have, and the time that a whole image takes.
 */
describe("the scanners of a pushed image", () => {
  const servers = new RunningServers();
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "scanners-"));
  const at = (...parts: string[]): string => path.join(home, ...parts);
  const cache = process.env["XDG_CACHE_HOME"];
  let desk: SecretDesk;
  let tools: GateTools;
  let order: ScanOrder;

  const pushed = async (name: string, layers: readonly PaperLayer[]): Promise<string> => {
    const blobs = layers.map(({ files }) => archive(files));
    const history = layers.flatMap(({ by }, index) => [
      ...(index === 1 ? [{ created_by: ours, empty_layer: true }] : []),
      { created_by: by },
    ]);
    const rootfs = { type: "layers", diff_ids: blobs.map((blob) => digestOf(gunzipSync(blob))) };
    const config = { architecture: "amd64", os: "linux", config: {}, rootfs, history };
    const digest = await servers.pushImage(`scanned/${name}`, "1", config, blobs);
    return `${servers.servers.registryAddress}/scanned/${name}@${digest}`;
  };
  const planted = (holes: readonly PlantedHole[], days = 0) =>
    writeTrivyDatabase(at("database"), holes, { updatedAt: new Date(Date.now() - days * dayMs) });
  const scanned = (more: Partial<ScanOrder> = {}) => scan.run({ ...order, ...more }, tools);

  before(async function () {
    // On a new machine they are compiled: half an hour on a slow one.
    this.timeout(2 * 3_600_000);
    await ensureGateTools(() => undefined);
    const searched = [...gateToolFolders(), process.env["PATH"] ?? ""].join(path.delimiter);
    process.env["XDG_CACHE_HOME"] = at("cache");
    await servers.start();
    const { username, password } = servers.servers.push;
    desk = await SecretDesk.open(stack, {
      "registry:username": new Secret(username),
      "registry:password": new Secret(password),
      "registry:tokenHost": new Secret(""),
    });
    const find = async (name: ToolName) => (await findTool(name, { searched })).path;
    tools = { ...gateTools(home, { strict: true }), find };
    const [digest, date] = [`sha256:${"a".repeat(64)}`, "2026-01-01"];
    order = {
      ...{ stack, image: await pushed("odoo", [base, own]), unfixed: "report", exceptions: [] },
      // Nothing listens there.
      base: { reference: "127.0.0.1:9/odoo", tag: "19.0", digest, date, series: "19.0", uid: 100, gid: 101 },
      ...{ databaseFrom: at("database"), databaseDays: 2 },
    };
    antivirusSignatures(at("signatures"));
  });
  after(async () => {
    desk.close();
    if (cache === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = cache;
    await servers.remove();
    fs.rmSync(home, { recursive: true, force: true });
  });

  it("pass an image of which the database knows nothing, and leave SARIF", async () => {
    await planted([{ ...inOurs, severity: "LOW" }]);
    const { facts } = await scanned();
    assert.deepEqual([facts["high"], facts["critical"], facts["databaseHours"]], [0, 0, 0]);
    const sarif = fs.readFileSync(at(".build", "report", String(facts["sarif"])), "utf8");
    assert.match(sarif, /CVE-2099-4/);
  });

  it("stop a CRITICAL one that is ours to mend, beside one of the base", async () => {
    await planted([inBase, inOurs]);
    await assert.rejects(
      scanned(),
      /SECURITY_CRITICAL[^]*CVE-2099-1 in libssl3t64 [^\n]*\(base image\)[^]*CVE-2099-4 in planted 1\.0, fixed in 1\.1: /,
    );
  });

  it("tell one of the base alone as the base's", async () => {
    await planted([inBase]);
    await assert.rejects(scanned(), /OUTDATED_BASE_IMAGE[^]*CVE-2099-1 in libssl3t64 3\.5\.1-1, fixed in 3\.5\.9-1/);
  });

  it("go by an exception until it has expired", async () => {
    await planted([inOurs]);
    const exception = { id: inOurs.id, package: "planted", reason: "nothing calls it", expires: "2999-01-01" };
    assert.equal((await scanned({ exceptions: [exception] })).facts["critical"], 0);
    const expired = { ...exception, expires: "2026-01-01" };
    await assert.rejects(scanned({ exceptions: [expired] }), /SECURITY_CRITICAL[^]*expired on 2026-01-01/);
  });

  it("refuse to judge by an old database", async () => {
    await planted([], 3);
    await assert.rejects(scanned(), /SCAN_INCOMPLETE[^]*72 h old/);
  });

  it("find malware in a layer of ours, with its file, and nothing where there is none", async () => {
    const clean = { stack, image: order.image, signaturesFrom: at("signatures"), databaseDays: 2 };
    assert.equal((await malware.run(clean, tools)).facts["files"], 2);
    const image = await pushed("malware", [base, eicarLayer]);
    await assert.rejects(
      malware.run({ ...clean, image }, tools),
      /MALWARE_DETECTED[^]*\/opt\/odoo\/extra-addons\/shop\/logo\.png: Test\.Eicar\S*, in the layer of COPY extra-addons/,
    );
    fs.mkdirSync(at("no-signatures"));
    await assert.rejects(malware.run({ ...clean, signaturesFrom: at("no-signatures") }, tools), /TOOL_MISSING/);
  });

  it("list what the image is made of, Odoo modules included", async () => {
    const { facts } = await sbom.run({ stack, image: order.image }, tools);
    assert.equal(facts["modules"], 1);
    const { spdx, cyclonedx } = sbomFiles(home, order.image);
    for (const name of ["libssl3t64", "planted"]) assert.ok(fs.readFileSync(spdx, "utf8").includes(`"${name}"`), name);
    const { components } = JSON.parse(fs.readFileSync(cyclonedx, "utf8")) as {
      components: { name: string; version?: string }[];
    };
    assert.ok(components.some(({ name, version }) => name === "shop" && version === "19.0.1.0.0"));
  });
});
