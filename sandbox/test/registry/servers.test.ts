import * as assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { serversFileSchema, startServers, type ServersFile } from "../../servers";
import { endProcess, processesWithArgument } from "../../support/processes";
import { ensureRegistryBinary } from "../../tools/registry-binary";
import { RunningServers } from "../helpers/running-servers";

describe("the sandbox's servers as a process", () => {
  const running = new RunningServers();
  const { stateDir } = running;
  const children: ChildProcess[] = [];
  const serversFile = path.join(stateDir, "servers.json");
  const registryProcesses = (): readonly number[] => processesWithArgument(path.join(stateDir, "registry/config.yml"));
  const endChildren = async (): Promise<void> => {
    for (const child of children
      .splice(0)
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  };
  afterEach(endChildren);
  after(async () => {
    await running.remove();
    await Promise.all(registryProcesses().map((pid) => endProcess(pid)));
  });

  /** Starts the servers in a process of their own and waits until they answer. */
  const spawnServers = async (): Promise<{ child: ChildProcess; facts: ServersFile }> => {
    const script = `
      const { startServers } = require(${JSON.stringify(path.resolve("sandbox/servers.ts"))});
      startServers(${JSON.stringify({ stateDir, registryBinary: await ensureRegistryBinary() })}).then((servers) => {
        process.once("SIGTERM", () => servers.close());
      });`;
    const child = spawn(process.execPath, ["--import", "tsx", "-e", script], { stdio: "inherit" });
    children.push(child);
    while (!fs.existsSync(serversFile) || readFacts().pid !== child.pid) {
      assert.equal(child.exitCode, null, "the servers ended before they were ready");
      await delay(20);
    }
    return { child, facts: readFacts() };
  };
  const readFacts = (): ServersFile => serversFileSchema.parse(JSON.parse(fs.readFileSync(serversFile, "utf8")));

  it("tell how to reach them in a file for their owner only, and take it away when they end", async () => {
    const { child, facts } = await spawnServers();
    assert.equal(fs.statSync(serversFile).mode & 0o777, 0o600);
    const headers = { authorization: `Bearer ${facts.token}` };
    assert.equal((await fetch(`${facts.apiUrl}/v2/account`, { headers })).status, 200);
    assert.equal(registryProcesses().length, 1);
    child.kill("SIGTERM");
    await once(child, "exit");
    assert.equal(fs.existsSync(serversFile), false);
    assert.deepEqual(registryProcesses(), []);
  });

  it("start again after a kill that left the registry behind, with the same secrets", async () => {
    const { child, facts } = await spawnServers();
    child.kill("SIGKILL");
    await once(child, "exit");
    const [orphan] = registryProcesses();
    assert.notEqual(orphan, undefined, "the kill left the registry behind");

    await running.start();
    const [now, ...others] = registryProcesses();
    assert.deepEqual(others, []);
    assert.notEqual(now, orphan);
    assert.equal(running.servers.token, facts.token);
    assert.equal(running.servers.push.password, facts.push.password);
    await running.servers.close();
  });

  it("lose no answered change and read a whole state after a kill in the middle of writing", async () => {
    for (let round = 0; round < 3; round++) {
      const { child, facts } = await spawnServers();
      const answered: string[] = [];
      let tellEnough: () => void = () => undefined;
      const enough = new Promise<void>((resolve) => (tellEnough = resolve));
      const create = async (name: string): Promise<void> => {
        const response = await fetch(`${facts.apiUrl}/v2/projects`, {
          method: "POST",
          headers: { authorization: `Bearer ${facts.token}`, "content-type": "application/json" },
          body: JSON.stringify({ name, purpose: "IoT", description: "x".repeat(255) }),
        });
        assert.equal(response.status, 201);
        answered.push(name);
        if (answered.length > 5 + 7 * round) tellEnough();
      };
      const writers = [0, 1, 2].map(async (writer) => {
        for (let i = 0; ; i++) {
          await create(`project-${round}-${writer}-${i}`);
        }
      });
      const ended = Promise.allSettled(writers);
      // The other writers wait for their answers then.
      await Promise.race([enough, Promise.all(writers)]);
      child.kill("SIGKILL");
      await Promise.all([ended, once(child, "exit")]);

      await running.start();
      const kept: unknown[] = [];
      for (let page = 1; ; page++) {
        const list = await running.api("GET", `/v2/projects?per_page=200&page=${page}`);
        kept.push(...list.all("projects", "name"));
        if (list.at("links", "pages", "next") === undefined) {
          break;
        }
      }
      assert.deepEqual(
        answered.filter((name) => !kept.includes(name)),
        [],
      );
      await running.servers.close();
    }
  });

  it("pass a large layer through in pieces, up and down, also for a slow reader", async function () {
    if (process.platform !== "linux") {
      this.skip();
    }
    const { child, facts } = await spawnServers();
    const peakMegabytes = (): number => {
      const status = fs.readFileSync(`/proc/${String(child.pid)}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    };
    const megabytes = 320;
    const piece = randomBytes(1024 * 1024);
    const hash = createHash("sha256");
    for (let i = 0; i < megabytes; i++) {
      hash.update(piece);
    }
    const digest = hash.digest("hex");
    const basic = `Basic ${Buffer.from(`push:${facts.push.password}`).toString("base64")}`;
    const scope = "repository:example/large:pull,push";
    const granted = await fetch(`${facts.registryUrl}/token?scope=${scope}`, { headers: { authorization: basic } });
    const { token } = (await granted.json()) as { token: string };
    const authorization = `Bearer ${token}`;
    const blobs = `${facts.registryUrl}/v2/example/large/blobs`;

    const before = peakMegabytes();
    const started = await fetch(`${blobs}/uploads/`, { method: "POST", headers: { authorization } });
    const pushed = await fetch(`${started.headers.get("location") ?? ""}&digest=sha256:${digest}`, {
      method: "PUT",
      headers: { authorization, "content-type": "application/octet-stream" },
      body: Readable.from(Array.from({ length: megabytes }, () => piece)),
      duplex: "half",
    });
    assert.equal(pushed.status, 201);

    const pulled = await fetch(`${blobs}/sha256:${digest}`, { headers: { authorization } });
    await delay(1000);
    const back = createHash("sha256");
    for await (const chunk of pulled.body ?? []) {
      back.update(chunk as Uint8Array);
    }
    assert.equal(back.digest("hex"), digest);
    const grown = peakMegabytes() - before;
    assert.ok(grown < megabytes / 2, `the servers grew by ${grown.toFixed(0)} MB for a layer of ${megabytes} MB`);
    child.kill("SIGTERM");
    await once(child, "exit");
  });

  it("name a port that is taken, and leave nothing running", async () => {
    const holder = net.createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as net.AddressInfo;
    try {
      const registryBinary = await ensureRegistryBinary();
      for (const setting of ["apiPort", "registryPort", "registryBackendPort"]) {
        const start = startServers({ stateDir, registryBinary, [setting]: port });
        await assert.rejects(start, { code: "PORT_TAKEN", message: new RegExp(`127\\.0\\.0\\.1:${port}`) });
        assert.deepEqual(registryProcesses(), []);
      }
    } finally {
      holder.close();
    }
  });

  it("give the registry's program a port that no outgoing connection can have before it", async () => {
    const running = new RunningServers();
    await running.start();
    try {
      const range = fs.readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
      assert.ok(Number(new URL(running.servers.registryBackendUrl).port) < Number.parseInt(range, 10), range);
    } finally {
      await running.remove();
    }
  });

  it("tell the registry's last words when it does not start", async () => {
    await assert.rejects(startServers({ stateDir, registryBinary: "/bin/false" }), {
      code: "SANDBOX_FAILURE",
      message: /exit code 1/,
    });
  });

  it("refuse a state file that they did not write, and say what to do", async () => {
    const file = path.join(stateDir, "digitalocean.json");
    fs.writeFileSync(file, '{"account": ');
    await assert.rejects(running.start(), {
      code: "SANDBOX_FAILURE",
      message: /digitalocean\.json[^]*sandbox -- reset/,
    });
    assert.deepEqual(registryProcesses(), []);
  });
});
