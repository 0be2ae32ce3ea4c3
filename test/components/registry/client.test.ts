import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { RegistryClient } from "../../../components/registry/client";
import { Secret } from "../../../components/shared/secret";
import { RunningServers } from "../../../sandbox/test/helpers/running-servers";

describe("the registry client", () => {
  const running = new RunningServers();
  let digest: string;
  // Answers may take any time, but where a test is about one that does not come, or comes never right.
  const patience = { requestMs: 300_000, totalMs: 300_000 };
  const client = (user: "push" | "pull" = "push", password?: string, limits = patience) => {
    const { registryAddress } = running.servers;
    const login = { username: user, password: new Secret(password ?? running.servers[user].password) };
    return new RegistryClient(`${registryAddress}/team/odoo`, login, limits);
  };

  before(async () => {
    await running.start();
    digest = await running.push("team/odoo", "v1");
  });
  afterEach(() => running.servers.api.faults.clear());
  after(() => running.remove());

  it("finds an image by tag and by digest, and says when there is none", async () => {
    assert.equal(await client("pull").digestOf("v1"), digest);
    assert.equal(await client("pull").digestOf(digest), digest);
    assert.equal(await client("pull").digestOf("v2"), undefined);
    assert.equal(await client("pull").digestOf(`sha256:${"0".repeat(64)}`), undefined);
  });

  it("finds a blob without fetching it, and says when there is none", async () => {
    const { config } = JSON.parse(await client().manifest(digest)) as { config: { digest: string } };
    assert.equal(await client("pull").hasBlob(config.digest), true);
    assert.equal(await client("pull").hasBlob(`sha256:${"0".repeat(64)}`), false);
  });

  it("sets and moves a tag without changing the digest", async () => {
    const other = await running.push("team/odoo", "v1.1", "another layer");
    await client().tag(digest, "latest");
    assert.equal(await client().digestOf("latest"), digest);
    await client().tag(other, "latest");
    assert.equal(await client().digestOf("latest"), other);
  });

  it("lists the tags, and none of a repository that is not there", async () => {
    assert.deepEqual((await client("pull").tags()).filter((tag) => tag.startsWith("v1")).sort(), ["v1", "v1.1"]);
    const { registryAddress, push } = running.servers;
    const login = { username: push.username, password: new Secret(push.password) };
    assert.deepEqual(await new RegistryClient(`${registryAddress}/team/nothing`, login, patience).tags(), []);
  });

  it("reads what an image says of itself, by tag and by digest", async () => {
    const labelled = await running.push("team/odoo", "labelled", "a layer", { "io.odoo.series": "19.0" });
    for (const reference of ["labelled", labelled]) {
      const expected = { digest: labelled, labels: { "io.odoo.series": "19.0" } };
      assert.deepEqual(await client("pull").imageOf(reference), expected);
    }
    assert.deepEqual((await client("pull").imageOf(digest))?.labels, {});
    assert.equal(await client("pull").imageOf("absent"), undefined);
  });

  it("reads a manifest and saves its layers, each as its digest names it", async () => {
    const { layers } = JSON.parse(await client("pull").manifest(digest)) as { layers: { digest: string }[] };
    const file = path.join(os.tmpdir(), `registry-client-${process.pid}`);
    try {
      await client("pull").save(layers[0]?.digest ?? "", file);
      const content = createHash("sha256").update(fs.readFileSync(file)).digest("hex");
      assert.equal(`sha256:${content}`, layers[0]?.digest);
      const absent = client("pull").save(`sha256:${"0".repeat(64)}`, file);
      await assert.rejects(absent, /NETWORK_FAILURE[^]*HTTP 404/);
    } finally {
      fs.rmSync(file, { force: true });
    }
  });

  it("leaves nothing behind when it probes a push", async () => {
    await client().probePush();
    const log = running.servers.api.log.list().filter((line) => line.path.includes("/blobs/uploads/"));
    assert.deepEqual(
      log.slice(-2).map((line) => [line.method, line.status]),
      [
        ["POST", 202],
        ["DELETE", 204],
      ],
    );
  });

  const failures: [
    what: string,
    fault: Parameters<typeof running.servers.api.faults.add>[0] | undefined,
    call: () => Promise<unknown>,
    expected: RegExp,
  ][] = [
    [
      "a wrong password",
      undefined,
      () => client("push", "planted-password").digestOf("v1"),
      /^ShipError: REGISTRY_AUTH_FAILURE/,
    ],
    ["a user who may only pull", undefined, () => client("pull").tag(digest, "x"), /^ShipError: REGISTRY_AUTH_FAILURE/],
    ["a full registry", { what: "registry-quota" }, () => client().probePush(), /^ShipError: QUOTA_EXCEEDED/],
    [
      "a manifest that is refused",
      { what: "registry-manifest-invalid" },
      () => client().tag(digest, "x"),
      /^ShipError: MANIFEST_ERROR/,
    ],
    [
      "a registry that never answers",
      { what: "registry-timeout" },
      () => client("push", undefined, { requestMs: 500, totalMs: 1500 }).digestOf("v1"),
      /^ShipError: NETWORK_TIMEOUT/,
    ],
    [
      "a registry that stays broken",
      { what: "registry-500" },
      () => client("push", undefined, { ...patience, totalMs: 1500 }).digestOf("v1"),
      /^ShipError: NETWORK_FAILURE/,
    ],
    [
      "no registry at all",
      undefined,
      () => new RegistryClient("127.0.0.1:9/team/odoo", undefined, { ...patience, totalMs: 1500 }).digestOf("v1"),
      /^ShipError: NETWORK_FAILURE/,
    ],
  ];
  for (const [what, fault, call, expected] of failures) {
    it(`names ${what} by its code, and no password`, async () => {
      if (fault !== undefined) {
        running.servers.api.faults.add(fault);
      }
      await assert.rejects(
        call,
        (error) => expected.test(String(error)) && !String(error).includes("planted-password"),
      );
    });
  }

  it("keeps trying while the registry is busy or broken for a moment", async () => {
    running.servers.api.faults.add({ what: "registry-429", times: 1, seconds: 0 });
    running.servers.api.faults.add({ what: "registry-500", times: 1 });
    assert.equal(await client().digestOf("v1"), digest);
  });
});
