import assert from "node:assert/strict";

import { ShipError } from "../../../components/shared/errors";
import { Secret } from "../../../components/shared/secret";
import { VpsClient, WorkerError } from "../../../components/vps/client";
import { PaperVps } from "../../support/paper-vps";

const request = {
  id: "0123456789abcdef",
  image: `registry.example.com/odoo@sha256:${"a".repeat(64)}`,
  dataDirectory: null,
  url: "https://erp.example.com",
  release: { upgradeSeconds: 60 },
  secret: "planted-secret",
};
const worker = {
  files: { "odoo_ship/__main__.py": "print('worker')\n" },
  bootstrap: "import sys # it's quoted\n",
  hash: "0123456789ab",
};
const live = {
  image: request.image,
  digest: `sha256:${"a".repeat(64)}`,
  since: "2026-11-21T10:00:00Z",
  release: request.id,
};
const running = (step: string | null, more: object = {}) => ({
  request: { id: request.id, state: "running", step, ...more },
  live: null,
});
const succeeded = { request: { id: request.id, state: "succeeded", step: "committed", warnings: ["no dump"] }, live };

/** No test waits for its end. */
const long = 300_000;

describe("a deployment to a host", () => {
  let host: PaperVps;
  let told: string[];

  beforeEach(async () => {
    host = new PaperVps();
    told = [];
    await host.server.start();
  });
  afterEach(() => host.server.close());

  function client(changes: Partial<ConstructorParameters<typeof VpsClient>[1]> = {}): VpsClient {
    const access = { host: "127.0.0.1", port: host.server.port, user: "ops", hostKey: host.server.hostKey };
    const patience = { readyMs: long, setupMs: long, lostMs: long, releaseMs: long, pollMs: 10, ...changes };
    return new VpsClient({ ...access, privateKey: new Secret(host.user.privateKey) }, patience, (line) =>
      told.push(line),
    );
  }

  async function deploy(made = client()) {
    try {
      await made.ready(request);
      await made.send(worker, request);
      return await made.follow(request);
    } finally {
      made.close();
    }
  }

  const refusal = (made?: VpsClient) =>
    deploy(made).then(
      () => assert.fail("it succeeded"),
      (error: unknown) => error as Error,
    );

  it("hands over worker and request by standard input, with no secret in a command", async () => {
    host.statuses = [succeeded];
    const status = await deploy();
    assert.deepEqual(status.live, live);
    assert.deepEqual(host.requests, [{ worker: worker.files, request }]);
    const commands = host.server.commands.map(({ command }) => command).join("\n");
    assert.ok(!commands.includes("planted-secret") && !commands.includes("OPENSSH"));
    assert.ok(commands.includes("sudo -n python3 -c 'import sys # it'\\''s quoted\n'"));
    assert.ok(commands.includes(`sudo -n /usr/local/bin/odoo-ship status --json --request '${request.id}'`));
  });

  it("tells each step once", async () => {
    host.statuses = [
      running(null),
      running("preflight"),
      running("pulled"),
      running("pulled"),
      running("upgraded"),
      succeeded,
    ];
    await deploy();
    assert.deepEqual(told.slice(1), ["running", "preflight", "pulled", "upgraded"]);
  });

  it("ends with the worker's failure, whole, also with a code that this program does not know", async () => {
    const error = {
      code: "NEW_CODE",
      summary: "the upgrade failed",
      found: "a\nb",
      expected: "c",
      remedy: "d",
      log: "line 1\nline 2",
    };
    host.statuses = [running("upgraded"), { request: { id: request.id, state: "failed", error }, live }];
    const failure = await refusal();
    assert.ok(failure instanceof WorkerError);
    assert.equal(
      failure.message,
      "NEW_CODE: the upgrade failed\n  found:    a\n            b\n  expected: c\n  remedy:   d\n  log:\n    line 1\n    line 2",
    );
  });

  it("passes on the words of a worker that refuses the request", async () => {
    host.receive = {
      status: 1,
      stderr: "RELEASE_IN_PROGRESS: another release is under way on this host\n  found:    request x\n",
    };
    const failure = await refusal();
    assert.match(failure.message, /^RELEASE_IN_PROGRESS: .*\n {2}found: {4}request x$/);
  });

  it("shows the end of what a broken bootstrap prints", async () => {
    host.receive = { status: 1, stderr: 'Traceback (most recent call last):\n  File "<string>"\nOSError: planted\n' };
    const failure = await refusal();
    assert.ok(failure instanceof ShipError && failure.code === "DEPLOY_FAILED");
    assert.match(failure.message, /OSError: planted/);
  });

  it("goes on after connections that were lost, and says so", async () => {
    host.statuses = [running("pulled"), "connection lost", "connection lost", running("upgraded"), succeeded];
    await deploy();
    assert.ok(host.server.logins >= 3, String(host.server.logins));
    assert.ok(told.some((line) => line.startsWith("no contact with 127.0.0.1")));
    assert.ok(told.includes("the host answers"));
    assert.equal(host.requests.length, 1);
  });

  it("gives up on a host that stays away", async () => {
    host.statuses = ["connection lost"];
    const failure = await refusal(client({ lostMs: 200 }));
    assert.ok(failure instanceof ShipError && failure.code === "HOST_UNREACHABLE");
  });

  it("gives up on a release that never ends, and says where it was", async () => {
    host.statuses = [running("rehearsed")];
    const failure = await refusal(client({ releaseMs: 150 }));
    assert.match(failure.message, /DEPLOY_FAILED[\s\S]*still at: rehearsed/);
  });

  it("waits longer for a release whose host says that its data ask for it", async () => {
    host.statuses = [running("rehearsed", { patience: 3600 }), running("rehearsed", { patience: 3600 }), succeeded];
    assert.deepEqual((await deploy(client({ releaseMs: 0 }))).live, live);
  });

  it("is not confused by an answer that was cut off", async () => {
    host.statuses = ["no worker", "no worker", succeeded];
    await deploy();
    host.statuses = ["no worker"];
    assert.match((await refusal()).message, /the worker does not say how far it is[\s\S]*not found/);
  });

  it("waits for no worker that has a damaged file", async () => {
    const words = "STATE_DAMAGED: a file is damaged\n  found:    journal.json\n  remedy:   take it from a backup";
    host.statuses = [running("pulled"), { stderr: `sudo: unable to resolve host erp\n${words}\n` }, succeeded];
    const failure = await refusal();
    assert.ok(failure instanceof WorkerError);
    assert.equal(failure.message, words);
  });

  it("refuses a host that cannot run Odoo before anything is sent there", async () => {
    delete host.report["docker"];
    const failure = await refusal();
    assert.ok(failure instanceof ShipError && failure.code === "HOST_UNFIT");
    assert.equal(host.requests.length, 0);
  });

  it("waits for a host that is being set up", async () => {
    host.setup = ["proving the host key", "installing Docker", "done"];
    host.statuses = [succeeded];
    await deploy();
    assert.deepEqual(told.slice(0, 2), [
      "setting up the host: proving the host key",
      "setting up the host: installing Docker",
    ]);
  });

  it("takes no notice of a login shell that greets everybody", async () => {
    host.greeting = "Welcome to erp\n{not ours}\n";
    host.statuses = [succeeded];
    await deploy();
    assert.ok(!told.some((line) => line.includes("Welcome")));
    host.greeting = "";
  });

  it("shows the set-up's log when it failed and the host lacks something", async () => {
    host.setup = ["failed: installing Docker"];
    delete host.report["docker"];
    delete host.report["client"];
    delete host.report["compose"];
    const failure = await refusal();
    assert.match(failure.message, /TOOL_MISSING[\s\S]*failed: installing Docker[\s\S]*Unable to locate package/);
  });

  it("takes a host whose set-up failed and that was mended by hand", async () => {
    host.setup = ["failed: installing Docker"];
    host.statuses = [succeeded];
    await deploy();
  });

  it("waits for a host that is down for a moment, and no longer than it may", async () => {
    const { port } = host.server;
    host.statuses = [succeeded];
    const [patient, hasty] = [client(), client({ readyMs: 100 })];
    await host.server.close();
    const deployed = deploy(patient);
    while (!told.some((line) => line.startsWith("no contact"))) await new Promise((resolve) => setTimeout(resolve, 10));
    await host.server.start(port);
    await deployed;
    await host.server.close();
    const failure = await refusal(hasty);
    assert.ok(failure instanceof ShipError && failure.code === "HOST_UNREACHABLE");
    await host.server.start(port);
  });
});
