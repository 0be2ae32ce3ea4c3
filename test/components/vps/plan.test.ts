import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";

import type { ShipError } from "../../../components/shared/errors";
import { type HostPlan, planHost } from "../../../components/vps/plan";
import { md5Fingerprint } from "../../../components/vps/ssh-keys";
import { readSettings } from "../../../settings";
import { PaperVps } from "../../support/paper-vps";

const root = path.join(__dirname, "..", "..", "..");
const digest = `sha256:${"a".repeat(64)}`;
const login = { username: "planted-user", password: "planted-password" };

describe("the plan of a host", () => {
  let host: PaperVps;
  /** Keys of the account by their MD5, and the status of what answers for it. */
  let account: Record<string, object>;
  let refusing: number | undefined;
  const api = http.createServer((request, response) => {
    const found = account[decodeURIComponent(request.url?.replace("/v2/account/keys/", "") ?? "")];
    response.writeHead(refusing ?? (found === undefined ? 404 : 200)).end(JSON.stringify({ ssh_key: found }));
  });

  before((done) => void api.listen(0, "127.0.0.1", done));
  after(() => api.close());
  beforeEach(async () => {
    [account, refusing] = [{}, undefined];
    host = new PaperVps();
    await host.server.start();
  });
  afterEach(() => host.server.close());

  function plan(vps: Record<string, unknown>, known = digest): Promise<HostPlan | undefined> {
    const config = {
      "odoo:environment": "staging",
      "registry:kind": "generic",
      "registry:host": "registry.example.com",
      "registry:repository": "team/odoo",
      "registry:username": "u",
      "vps:domain": "erp.example.com",
      ...vps,
    };
    const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
    const settings = readSettings({
      config: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, text(value)])),
      secretKeys: new Set(),
      environment: {
        REGISTRY_PASSWORD: "p",
        VPS_SSH_PRIVATE_KEY: host.user.privateKey,
        DIGITALOCEAN_TOKEN: "t",
        DIGITALOCEAN_API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      },
    });
    return planHost(root, settings, known === "" ? undefined : known, proxy);
  }

  const proxy = `registry.example.com/team/odoo@sha256:${"c".repeat(64)}`;
  const created = {
    "vps:mode": "create",
    "vps:region": "fra1",
    "vps:size": "s-2vcpu-4gb",
    "vps:sshFrom": ["203.0.113.0/24"],
  };
  const adopted = () => ({
    "vps:mode": "adopt",
    "vps:host": "127.0.0.1",
    "vps:port": host.server.port,
    "vps:user": "ops",
    "vps:hostKey": host.server.hostKey,
  });
  const refusal = (attempt: Promise<unknown>) =>
    attempt.then(
      () => assert.fail("it was not refused"),
      (error: unknown) => error as ShipError,
    );

  it("is nothing without a host", async () => {
    assert.equal(await plan({ "vps:mode": "none" }), undefined);
  });

  it("knows a created host by its size, contacts nobody, and puts the data on the volume", async () => {
    const made = await plan(created);
    assert.equal(host.server.logins, 0);
    assert.equal(made?.drifted, false);
    assert.equal(made.request(digest, proxy, login).dataDirectory, "/mnt/odoo-data");
    assert.equal((await plan({ ...created, "vps:volumeGiB": 0 }))?.request(digest, proxy, login).dataDirectory, null);
  });

  it("has the same request whatever the credentials are, so that renewed ones deploy nothing", async () => {
    const made = await plan(created);
    const [one, other] = [
      made?.request(digest, proxy, login),
      made?.request(digest, proxy, { ...login, password: "renewed" }),
    ];
    assert.equal(one?.id, other?.id);
    assert.notEqual(one?.registry?.password, other?.registry?.password);
  });

  it("says so where the API answers about a key as no API does", async () => {
    account = { [md5Fingerprint(host.user.publicKey)]: {} };
    await assert.rejects(plan(created), /NETWORK_FAILURE[^]*ssh_key: no id, name and public_key/);
  });

  it("finds the key that the account of a created host has already", async () => {
    assert.equal((await plan(created))?.accountKey, undefined);
    const fingerprint = md5Fingerprint(host.user.publicKey);
    assert.match(fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    account = { [fingerprint]: { id: 7, name: "laptop", public_key: `${host.user.publicKey} x@y`, fingerprint } };
    const expected = { id: "7", name: "laptop", publicKey: `${host.user.publicKey} x@y` };
    assert.deepEqual((await plan(created))?.accountKey, expected);
    assert.equal((await plan(adopted()))?.accountKey, undefined, "an adopted host is no Droplet of this stack");
    refusing = 403;
    assert.match((await refusal(plan(created))).message, /TOKEN_SCOPE_MISSING[^]*ssh_key:read/);
    refusing = 401;
    assert.equal((await refusal(plan(created))).code, "API_AUTH_FAILURE");
  });

  it("refuses a host that is too small before anything is declared", async () => {
    assert.equal((await refusal(plan({ ...created, "vps:size": "s-1vcpu-1gb" }))).code, "HOST_TOO_SMALL");
  });

  it("measures an adopted host, by settings where they say what it has", async () => {
    const buffers = async (vps: object) => {
      const made = await plan({ ...adopted(), ...vps });
      return Number(/shared_buffers=(\d+)/.exec(JSON.stringify(made?.request(digest, proxy, login).files))?.[1]);
    };
    assert.ok((await buffers({})) > (await buffers({ "vps:memoryMiB": 2048 })));
  });

  it("sees whether an adopted host runs what is wanted", async () => {
    assert.equal((await plan(adopted()))?.drifted, true, "nothing runs there");
    const id = (await plan(adopted()))?.request(digest, proxy, login).id ?? "";
    host.live = { image: "i", digest: "d", since: "s", release: id };
    host.greeting = "Welcome to erp\n";
    assert.equal((await plan(adopted()))?.drifted, false);
    host.live = { ...host.live, release: "0123456789abcdef" };
    assert.equal((await plan(adopted()))?.drifted, true);
    assert.equal((await plan(adopted(), ""))?.drifted, false, "an image that is yet to be built is a change anyway");
  });

  it("has a created host asked again, where a rollback or a promotion says so", async () => {
    process.env["ODOO_SHIP_ASK_AGAIN"] = "1";
    try {
      assert.equal((await plan(created))?.drifted, true);
    } finally {
      delete process.env["ODOO_SHIP_ASK_AGAIN"];
    }
  });

  it("changes nothing on an adopted host", async () => {
    await plan(adopted());
    const commands = host.server.commands.map(({ command }) => command);
    assert.deepEqual(
      commands.filter((command) => !/^(sh -s|test ! -x)/.test(command)),
      [],
    );
    assert.equal(commands.length, 2);
  });

  it("refuses an adopted host that lacks what it needs", async () => {
    delete host.report["python"];
    assert.equal((await refusal(plan(adopted()))).code, "TOOL_MISSING");
  });

  it("warns of an SSH port that is open to everybody, and names it", async () => {
    const told = async (vps: object) =>
      (await plan({ ...created, ...vps }))?.warnings.filter((text) => text.includes("vps:sshFrom")) ?? [];
    assert.match(
      (await told({ "vps:sshFrom": ["203.0.113.0/24", "0.0.0.0/0"] })).join(),
      /vps:sshFrom has 0\.0\.0\.0\/0: everybody/,
    );
    assert.match((await told({ "vps:sshFrom": ["0.0.0.0/0", "::/0"] })).join(), /0\.0\.0\.0\/0 and ::\/0/);
    assert.deepEqual(await told({}), []);
  });

  it("warns when no dump leaves the host", async () => {
    assert.match((await plan(created))?.warnings.join() ?? "", /backup:destination is empty/);
  });
});
