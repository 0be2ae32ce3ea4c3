import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";

import { ShipError } from "../../../components/shared/errors";
import { download, ensureTool } from "../../../gates/tools/install";

describe("The installation of a tool", () => {
  let home: string;
  let server: http.Server;
  const served = new Map<string, Buffer>();
  before((done) => {
    server = http.createServer((request, response) => {
      const content = served.get(request.url ?? "");
      response.writeHead(content === undefined ? 404 : 200).end(content);
    });
    server.listen(0, "127.0.0.1", done);
  });
  after((done) => void server.close(done));
  beforeEach(() => (home = fs.mkdtempSync(path.join(os.tmpdir(), "gate-tools-"))));
  afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

  const offer = (name: string, content: Buffer) => {
    served.set(`/${name}`, content);
    const { port } = server.address() as AddressInfo;
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { url: `http://127.0.0.1:${port}/${name}`, sha256 };
  };
  const script = "#!/bin/sh\necho it runs\n";
  const archive = (name: string): Buffer => {
    fs.writeFileSync(path.join(home, name), script, { mode: 0o644 });
    fs.writeFileSync(path.join(home, "README.md"), "");
    return execFileSync("tar", ["-czf", "-", "README.md", name], { cwd: home });
  };
  const failing = async (work: Promise<unknown>): Promise<ShipError> => {
    const error: unknown = await work.catch((reason: unknown) => reason);
    assert.ok(error instanceof ShipError, String(error));
    return error;
  };

  it("brings the program of an archive, or a file that is one, into a directory of its own", async () => {
    for (const file of [offer("tool.tar.gz", archive("tool")), offer("tool-linux-amd64", Buffer.from(script))]) {
      const target = path.join(home, "store", "tool-1");
      fs.mkdirSync(path.dirname(target), { recursive: true });
      await download("tool", file, target);
      assert.deepEqual(fs.readdirSync(target), ["tool"]);
      assert.equal(execFileSync(path.join(target, "tool"), { encoding: "utf8" }), "it runs\n");
      assert.deepEqual(fs.readdirSync(path.dirname(target)), ["tool-1"]);
    }
  });

  it("throws away what is not the pinned file, and what it cannot unpack", async () => {
    const store = path.join(home, "store");
    fs.mkdirSync(store);
    const { url } = offer("other", Buffer.from("of somebody else"));
    const { code, failure } = await failing(
      download("tool", { url, sha256: "0".repeat(64) }, path.join(store, "tool-1")),
    );
    assert.equal(code, "TOOL_MISSING");
    assert.match(failure.found, /^sha256 [0-9a-f]{64} from http/);
    await assert.rejects(
      download("tool", offer("broken.tar.gz", Buffer.from("no archive")), path.join(store, "tool-1")),
    );
    assert.deepEqual(fs.readdirSync(store), []);
  });

  it("says what the network answered", async () => {
    const file = { url: offer("x", Buffer.from("")).url.replace("/x", "/gone"), sha256: "" };
    const { code, failure } = await failing(download("tool", file, path.join(home, "tool-1")));
    assert.equal(code, "NETWORK_FAILURE");
    assert.match(failure.found, /\/gone: HTTP 404$/);
    const closed = { url: "http://127.0.0.1:1/x", sha256: "" };
    assert.match(
      (await failing(download("tool", closed, path.join(home, "tool-1")))).failure.found,
      /ECONNREFUSED|bad port/,
    );
  });

  it("leaves what fits, and installs nothing that only the system has", async () => {
    const bin = path.join(home, "bin");
    fs.mkdirSync(bin);
    const options = { store: path.join(home, "store"), searched: bin, say: () => assert.fail("nothing to do") };
    assert.equal((await failing(ensureTool("clamscan", options))).code, "TOOL_MISSING");
    fs.writeFileSync(path.join(bin, "trivy"), "#!/bin/sh\necho Version: 0.99.0\n", { mode: 0o755 });
    assert.deepEqual(await ensureTool("trivy", options), { path: path.join(bin, "trivy"), version: "0.99.0" });
    // Nobody has pinned a file for it.
    fs.rmSync(path.join(bin, "trivy"));
    const refused = await failing(ensureTool("trivy", { ...options, say: () => undefined, machine: "sunos-x64" }));
    assert.equal(refused.code, "TOOL_MISSING");
  });
});
