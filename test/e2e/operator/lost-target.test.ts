import assert from "node:assert/strict";
import * as path from "node:path";

import { textAt } from "../../../sandbox/plugins/kubernetes/objects";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { CreatedCluster } from "../../support/created-cluster";
import { CreatedHost } from "../../support/created-host";
import { Runbook } from "../../support/runbook";

// Two sections of the runbook, by its own commands, where a target that the stack made is gone. The host is an SSH
// server, the cluster has an apiserver on paper: what becomes of data is shown elsewhere.

describe("the runbook of a dead cluster, on the real engine", () => {
  const created = new CreatedCluster();
  const { apiserver, clusters, running } = created;
  const passwords = () =>
    [...apiserver.objects.values()]
      .filter((object) => object["kind"] === "Secret")
      .flatMap((object) => Object.entries(object["data"] as Record<string, string>))
      .filter(([name]) => name.endsWith("password"))
      .sort();

  after(() => created.remove());

  it("makes another cluster when it is gone for good", async () => {
    const { stack } = await created.start();
    const up = await stack.up();
    assert.equal(up.status, 0, up.output);
    const runbook = new Runbook("The cluster is dead");
    const [before, outputs] = [passwords(), await stack.outputs()];
    const [cluster] = (await running.api("GET", "/v2/kubernetes/clusters")).all("kubernetes_clusters", "id");
    const [network] = (await running.api("GET", "/v2/vpcs")).all("vpcs", "id").slice(-1);
    assert.equal((await running.api("DELETE", `/v2/kubernetes/clusters/${String(cluster)}`)).status, 204);
    const claims = [...apiserver.objects].filter(([name]) => name.includes("/persistentvolumeclaims/"));
    apiserver.objects.clear();

    const known = await runbook.type(stack, "dead-cluster-volumes");
    for (const [name, claim] of claims)
      assert.ok(known.includes(`${path.basename(name)} ${textAt(claim, "spec", "volumeName")}\n`), known);
    const forgotten = await runbook.type(stack, "dead-cluster");
    assert.match(forgotten, /KubernetesCluster doks-cluster-cluster created/);
    assert.equal(apiserver.objects.size, 0, "volumes can be brought there before anything claims new ones");
    const [order] = clusters.orders.slice(-1);
    assert.notEqual(order?.id, cluster);
    const [made] = (await running.api("GET", "/v2/kubernetes/clusters")).all("kubernetes_clusters", "vpc_uuid");
    assert.equal(made, network, "a managed database is in that network");

    await runbook.type(stack, "dead-cluster-dump");
    assert.ok(apiserver.objects.has("/apis/apps/v1/namespaces/odoo/statefulsets/odoo-db"), "PostgreSQL is there");
    assert.deepEqual(
      [created.jobs(), created.web()],
      [[], undefined],
      "nothing was installed in the place of the dump",
    );
    await runbook.type(stack, "dead-cluster-release");
    assert.equal(created.jobs().length, 1);
    assert.equal((await stack.outputs())["doksDigest"], outputs["doksDigest"]);
    assert.deepEqual(passwords(), before, "database volumes are opened by the passwords that they know");
    assert.deepEqual(runbook.left, []);
    const again = await stack.preview("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  });
});

describe("the runbook of a lost host, on the real engine", () => {
  const created = new CreatedHost();
  const { orders, firewalls, running } = created;
  const runbook = new Runbook("The host is lost");
  let stack: TestStack;
  let digest: string;

  before(async () => {
    const started = await created.start();
    assert.ok(started !== undefined, "port 22 of the loopback addresses of droplets is in use, or may not be used");
    ({ stack, digest } = started);
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
  });
  after(() => created.remove());

  for (const [what, withVolume] of [
    ["with the Volume of the lost one, which it finds its data on", true],
    ["with another Volume where that is lost, too", false],
  ] as const) {
    it(`makes another host ${what}`, async () => {
      const before = await stack.outputs();
      const [droplet] = (await running.api("GET", "/v2/droplets")).all("droplets", "id").slice(-1);
      assert.equal((await running.api("DELETE", `/v2/droplets/${String(droplet)}`)).status, 204);
      const kept = orders.at(-1)?.volumes[0]?.id ?? "";
      if (!withVolume) assert.equal((await running.api("DELETE", `/v2/volumes/${kept}`)).status, 204);
      const host = await created.replace();

      const output = await runbook.type(stack, "lost-host");
      assert.equal(/\+ {2}digitalocean:index:Volume .* created/.test(output), !withVolume, output);
      const volume = orders.at(-1)?.volumes[0]?.id ?? "";
      assert.notEqual(volume, "");
      assert.equal(volume === kept, withVolume);
      const outputs = await stack.outputs();
      assert.deepEqual([outputs["vpsAddress"], outputs["vpsHostKey"]], [before["vpsAddress"], host.server.hostKey]);
      assert.notEqual(outputs["vpsHostKey"], before["vpsHostKey"]);
      assert.deepEqual([host.live?.digest, host.requests.length], [digest, 1]);
      const nonces = orders.map(({ userData }) => /b"([0-9a-f]{64})"/.exec(userData)?.[1]);
      assert.equal(new Set(nonces).size, orders.length, "whoever was on the lost host knows its nonce");
      assert.deepEqual([...(firewalls.at(-1) ?? [])].sort(), [22, 443, 80]);
      if (withVolume) return;
      const again = await stack.preview("--expect-no-changes");
      assert.equal(again.status, 0, again.output);
    });
  }

  it("has typed all that the runbook says is tried of it", () => assert.deepEqual(runbook.left, []));
});
