import assert from "node:assert/strict";

import { hostHistory } from "../../../components/vps/history";
import { readSettings } from "../../../settings";
import { historyOf } from "../../support/made-up-stack";
import { PaperVps } from "../../support/paper-vps";

describe("the releases of a host", () => {
  const host = new PaperVps();
  before(() => host.server.start());
  after(() => host.server.close());

  const ask = (changes: Record<string, string> = {}, outputs: Record<string, unknown> = {}) => {
    const config = {
      "odoo:environment": "staging",
      "registry:kind": "digitalocean",
      "registry:repository": "team/odoo",
      "vps:mode": "adopt",
      "vps:domain": "erp.example.com",
      "vps:host": "127.0.0.1",
      "vps:port": String(host.server.port),
      "vps:user": "ops",
      "vps:hostKey": host.server.hostKey,
      ...changes,
    };
    const environment = { DIGITALOCEAN_TOKEN: "never used", VPS_SSH_PRIVATE_KEY: host.user.privateKey };
    return hostHistory({
      root: "/nowhere",
      settings: readSettings({ config, secretKeys: new Set(), environment }),
      outputs,
    });
  };

  it("are asked for by standard input, over SSH with the pinned key", async () => {
    host.history = historyOf();
    assert.deepEqual(await ask(), { target: "vps", history: historyOf(), problem: "" });
    assert.equal(host.server.commands.at(-1)?.command, "sh -s");
  });

  it("are not known of a host that cannot be asked, and the reason is told", async () => {
    host.history = "usage: odoo-ship\nodoo-ship: error: argument command: invalid choice: 'releases' (choose from ...)";
    assert.match((await ask())?.problem ?? "", /the next `pulumi up` brings one that can/);
    host.history = "nothing was deployed there yet";
    assert.equal((await ask())?.problem, "nothing was deployed there yet");
    host.history = "STATE_DAMAGED: it cannot be read\n  found:    ledger.json\n  expected: JSON\n  remedy:   a backup";
    assert.match((await ask())?.problem ?? "", /^STATE_DAMAGED: it cannot be read; found: {4}ledger.json; /);
    assert.match((await ask({ "vps:port": "1" }))?.problem ?? "", /^HOST_UNREACHABLE: /);
    const created = {
      "vps:mode": "create",
      "vps:region": "fra1",
      "vps:size": "s-2vcpu-4gb",
      "vps:sshFrom": '["203.0.113.0/24"]',
    };
    assert.match((await ask(created))?.problem ?? "", /does not know its host yet/);
    assert.equal(await ask({ "vps:mode": "none" }), undefined);
  });
});
