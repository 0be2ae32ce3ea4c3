import assert from "node:assert/strict";

import { Secret } from "../../components/shared/secret";
import { scopeRows, type ScopeRow, tokenReport, tokenWords } from "../../init/token";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { documentedScopes, scopesFor } from "../support/documented-scopes";

const rows = Object.keys(scopeRows) as ScopeRow[];

describe("what the API tells of a token", () => {
  const running = new RunningServers();
  before(() => running.start());
  after(() => running.remove());
  const report = (token: string) => tokenReport({ apiUrl: running.servers.apiUrl, token: new Secret(token) }, rows);
  const changes = () => running.servers.api.log.list().filter(({ method }) => method !== "GET").length;

  it("is asked for the scopes that docs/token-scopes.md has", () => {
    for (const row of rows) {
      assert.deepEqual(scopeRows[row].split(" ").sort(), [...(documentedScopes.get(row)?.make ?? [])].sort(), row);
    }
  });

  it("is that none is missing, of those that reading shows; the others are not checked", async () => {
    const { problem, missing, unchecked } = await report(running.servers.api.limitedToken(scopesFor(...rows)));
    assert.deepEqual([problem, missing], ["", []]);
    assert.ok(unchecked.includes("droplet:create") && !unchecked.includes("droplet:read"), unchecked.join(" "));
    assert.equal(changes(), 0);
  });

  it("is each scope that is missing", async () => {
    const needed = rows.flatMap((row) => documentedScopes.get(row)?.make ?? []);
    const readable = [...new Set(needed)].filter((scope) => scope.endsWith(":read"));
    assert.ok(readable.length > 10);
    const { missing } = await report(running.servers.api.limitedToken(["account:read"]));
    // Who may not read regions is not shown sizes, whatever else the token has.
    assert.deepEqual([...missing].sort(), readable.filter((scope) => scope !== "sizes:read").sort());
    const { missing: one } = await report(
      running.servers.api.limitedToken(scopesFor(...rows).filter((scope) => scope !== "firewall:read")),
    );
    assert.deepEqual(one, ["firewall:read"]);
  });

  it("is that it is refused, and the token is nowhere in the words", async () => {
    const words = tokenWords(await report("planted-wrong-token")).join("\n");
    assert.match(words, /not checked: DigitalOcean refuses the token/);
    assert.doesNotMatch(words, /planted/);
  });

  it("keeps nobody from going on where the API cannot be had", async () => {
    const { problem, missing } = await tokenReport(
      { apiUrl: "https://127.0.0.1:1", token: new Secret("t") },
      ["registry, created"],
      { requestMs: 200, totalMs: 400 },
    );
    assert.notEqual(problem, "");
    assert.deepEqual(missing, []);
  });
});
