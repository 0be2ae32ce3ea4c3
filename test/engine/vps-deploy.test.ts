import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as path from "node:path";

import { PaperVps } from "../support/paper-vps";

const root = path.join(__dirname, "..", "..");
const id = "0123456789abcdef";
const request = {
  id,
  image: `registry.example.com/odoo@sha256:${"a".repeat(64)}`,
  url: "https://erp.example.com",
  dataDirectory: null,
  release: { upgradeSeconds: 60 },
};

describe("the program that deploys to a host", () => {
  let host: PaperVps;
  beforeEach(async () => {
    host = new PaperVps();
    await host.server.start();
  });
  afterEach(() => host.server.close());

  /** Runs it as Pulumi does, and ends it as soon as it says `at`. */
  function run(
    at?: RegExp,
    signal: NodeJS.Signals = "SIGTERM",
  ): Promise<{ status: number | null; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      const child = spawn("node", ["--import", "tsx", "ops/vps-deploy.ts"], {
        cwd: root,
        stdio: "pipe",
        timeout: 300_000,
      });
      const connection = {
        host: "127.0.0.1",
        port: host.server.port,
        user: "ops",
        hostKey: host.server.hostKey,
        privateKey: host.user.privateKey,
      };
      child.stdin.end(JSON.stringify({ connection, request }));
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
      child.stderr.on("data", (data: Buffer) => {
        stderr += data.toString();
        if (at?.test(stderr) === true) {
          child.kill(signal);
        }
      });
      child.on("close", (status) => resolve({ status, stdout, stderr }));
    });
  }

  it("prints one line about what runs, and its progress elsewhere", async () => {
    const { status, stdout, stderr } = await run();
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), {
      request: id,
      url: request.url,
      digest: `sha256:${"a".repeat(64)}`,
      since: "2026-11-21T10:00:00Z",
      warnings: [],
    });
    assert.match(stderr, /Debian GNU\/Linux 13/);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`says after ${signal} that the host goes on by itself`, async () => {
      host.statuses = [{ request: { id, state: "running", step: "rehearsed" }, live: null }];
      const { status, stdout, stderr } = await run(/rehearsed/, signal);
      assert.equal(status, 130);
      assert.equal(stdout, "");
      assert.match(stderr, /the host goes on by itself.*odoo-ship status/);
    });
  }

  it("says that nothing was changed when it is ended before it sent anything", async () => {
    host.setup = ["installing Docker"];
    const { status, stderr } = await run(/installing Docker/);
    assert.equal(status, 130);
    assert.match(stderr, /nothing was changed on the host/);
    assert.equal(host.requests.length, 0);
  });
});
