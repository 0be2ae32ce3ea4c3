import assert from "node:assert/strict";

import { accountKey, registryExists } from "../../components/shared/digitalocean-api";
import { clusterById, clusterNamed, offeredVersions } from "../../components/kubernetes/cluster-api";
import { clusterCredentials } from "../../components/kubernetes/cluster-credentials";
import { Secret } from "../../components/shared/secret";
import { scopesOf, viewsCredentials } from "../../sandbox/digitalocean/scopes";
import type { Answer } from "../../sandbox/test/helpers/running-servers";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { documentedScopes, scopesFor } from "../support/documented-scopes";

const none = "00000000-0000-4000-8000-000000000000";

/** A request that needs each scope, of those that the program and its resources make. */
const requests: Readonly<Record<string, readonly [method: string, path: string]>> = {
  "actions:read": ["GET", "/v2/actions/1"],
  "block_storage:create": ["POST", "/v2/volumes"],
  "block_storage:delete": ["DELETE", `/v2/volumes/${none}`],
  "block_storage:read": ["GET", `/v2/volumes/${none}`],
  "block_storage_action:create": ["POST", `/v2/volumes/${none}/actions`],
  "block_storage_action:read": ["GET", `/v2/volumes/${none}/actions/1`],
  "database:create": ["POST", "/v2/databases"],
  "database:delete": ["DELETE", `/v2/databases/${none}`],
  "database:read": ["GET", `/v2/databases/${none}`],
  "database:update": ["PUT", `/v2/databases/${none}/firewall`],
  "droplet:create": ["POST", "/v2/droplets"],
  "droplet:delete": ["DELETE", "/v2/droplets/1"],
  "droplet:read": ["GET", "/v2/droplets/1"],
  "droplet:update": ["POST", "/v2/droplets/1/actions"],
  "firewall:create": ["POST", "/v2/firewalls"],
  "firewall:delete": ["DELETE", `/v2/firewalls/${none}`],
  "firewall:read": ["GET", `/v2/firewalls/${none}`],
  "firewall:update": ["PUT", `/v2/firewalls/${none}`],
  "image:read": ["GET", "/v2/images"],
  "kubernetes:access_cluster": ["GET", `/v2/kubernetes/clusters/${none}/credentials`],
  "kubernetes:create": ["POST", "/v2/kubernetes/clusters"],
  "kubernetes:delete": ["DELETE", `/v2/kubernetes/clusters/${none}`],
  "kubernetes:read": ["GET", "/v2/kubernetes/clusters"],
  "kubernetes:update": ["POST", `/v2/kubernetes/clusters/${none}/upgrade`],
  "regions:read": ["GET", "/v2/regions"],
  "registry:create": ["POST", "/v2/registry"],
  "registry:delete": ["DELETE", "/v2/registries/none"],
  "registry:read": ["GET", "/v2/registries/none"],
  "registry:update": ["GET", "/v2/registries/none/docker-credentials"],
  "reserved_ip:create": ["POST", "/v2/reserved_ips"],
  "reserved_ip:delete": ["DELETE", "/v2/reserved_ips/203.0.113.1"],
  "reserved_ip:read": ["GET", "/v2/reserved_ips/203.0.113.1"],
  "reserved_ip:update": ["POST", "/v2/reserved_ips/203.0.113.1/actions"],
  "sizes:read": ["GET", "/v2/sizes"],
  "ssh_key:create": ["POST", "/v2/account/keys"],
  "ssh_key:delete": ["DELETE", "/v2/account/keys/1"],
  "ssh_key:read": ["GET", "/v2/account/keys/1"],
  "ssh_key:update": ["PUT", "/v2/account/keys/1"],
  "tag:create": ["POST", "/v2/tags"],
  "tag:read": ["GET", "/v2/tags"],
  "vpc:create": ["POST", "/v2/vpcs"],
  "vpc:delete": ["DELETE", `/v2/vpcs/${none}`],
  "vpc:read": ["GET", `/v2/vpcs/${none}`],
  "vpc:update": ["PATCH", `/v2/vpcs/${none}`],
};

describe("the scopes of an API token", () => {
  const running = new RunningServers();
  const every = scopesFor(...documentedScopes.keys());
  const tokenWithout = (scope: string) => running.servers.api.limitedToken(every.filter((one) => one !== scope));
  const ask = (token: string, method: string, target: string, body?: unknown): Promise<Answer> =>
    running.api(method, target, body, { authorization: `Bearer ${token}` });
  before(() => running.start());
  after(() => running.remove());

  it("are documented, each with a request that needs it", () => {
    assert.deepEqual(Object.keys(requests).concat(viewsCredentials).sort(), [...every].sort());
    for (const [scope, [method, path]] of Object.entries(requests))
      assert.ok(scopesOf(method, path).includes(scope), scope);
  });

  for (const [scope, [method, path]] of Object.entries(requests)) {
    it(`include ${scope}: without it ${method} ${path} is refused, and nothing else`, async () => {
      const body = method === "GET" || method === "DELETE" ? undefined : {};
      const refused = await ask(tokenWithout(scope), method, path, body);
      assert.deepEqual([refused.status, refused.at("id")], [403, "Forbidden"]);
      assert.notEqual(
        (await ask(running.servers.api.limitedToken(scopesOf(method, path)), method, path, body)).status,
        403,
      );
      for (const [other, [otherMethod, otherPath]] of Object.entries(requests)) {
        if (otherMethod !== "GET" || scopesOf(otherMethod, otherPath).includes(scope)) continue;
        assert.notEqual((await ask(tokenWithout(scope), otherMethod, otherPath)).status, 403, other);
      }
    });
  }

  const own: [what: string, scope: string, call: (access: { apiUrl: string; token: Secret }) => Promise<unknown>][] = [
    ["the registry", "registry:read", (access) => registryExists(access, "none")],
    ["the SSH key", "ssh_key:read", (access) => accountKey(access, "aa:bb")],
    ["versions", "kubernetes:read", (access) => offeredVersions(access)],
    ["a cluster by its name", "kubernetes:read", (access) => clusterNamed(access, "none")],
    ["a cluster by its id", "kubernetes:read", (access) => clusterById(access, none)],
    ["access to a cluster", "kubernetes:access_cluster", (access) => clusterCredentials(access, none, 300)],
  ];
  for (const [what, scope, call] of own) {
    it(`are told by name when one is missing: ${scope}, for ${what}`, async () => {
      const access = (token: string) => ({ apiUrl: running.servers.apiUrl, token: new Secret(token) });
      await assert.rejects(
        call(access(tokenWithout(scope))),
        new RegExp(
          `TOKEN_SCOPE_MISSING: [^]*found: .*403[^]*expected: .*the scope ${scope}[^]*remedy: .*docs/token-scopes\\.md`,
        ),
      );
      await call(access(running.servers.api.limitedToken([scope])));
    });
  }

  it("decide whether a database's password is told", async () => {
    const order = { name: "db", engine: "pg", version: "17", size: "db-s-1vcpu-1gb", region: "fra1", num_nodes: 1 };
    const made = await ask(tokenWithout(viewsCredentials), "POST", "/v2/databases", order);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.ok(!JSON.stringify(made.body).includes('"password"'));
    const target = `/v2/databases/${String(made.at("database", "id"))}`;
    const hidden = await ask(tokenWithout(viewsCredentials), "GET", target);
    assert.equal(hidden.at("database", "connection", "password"), undefined);
    assert.equal(hidden.at("database", "connection", "uri"), undefined);
    assert.ok(String(hidden.at("database", "connection", "host")).length > 0);
    const shown = await ask(running.servers.api.limitedToken(every), "GET", target);
    assert.ok(String(shown.at("database", "connection", "password")).length > 8);
  });

  it("do not open the sandbox's own controls", async () => {
    assert.equal((await ask(running.servers.api.limitedToken(every), "GET", "/_sandbox/requests")).status, 403);
  });
});
