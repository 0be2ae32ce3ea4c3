import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { BinaryWriter } from "google-protobuf";
import { docker } from "../../plugins/docker/provider";
import { ProviderServer } from "../../plugins/provider-server";
import { isMap, isSecret, reveal, secret, unknown, type ValueMap } from "../../plugins/values";
import { digest, FakeDockerEngine, imageId } from "../helpers/fake-docker-engine";
import { PluginClient, urnOf } from "../helpers/plugin-client";

const urn = urnOf("docker:index/image:Image", "odoo");

describe("The stand-in for docker.Image", () => {
  let directory: string;
  let engine: FakeDockerEngine;
  let server: ProviderServer;
  let plugin: PluginClient;
  let args: { imageName: string; registry: ValueMap; build: ValueMap };
  beforeEach(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), "plugins-image-"));
    fs.mkdirSync(path.join(directory, "context"));
    fs.writeFileSync(path.join(directory, "context", "Dockerfile"), "FROM scratch\n");
    fs.writeFileSync(path.join(directory, "context", "file"), "content", { mode: 0o644 });
    engine = new FakeDockerEngine();
    await engine.listen(path.join(directory, "docker.sock"));
    server = new ProviderServer(docker(), "5.2.0");
    plugin = new PluginClient(await server.listen());
    await plugin.configure({ host: `unix://${path.join(directory, "docker.sock")}` });
    const context = path.join(directory, "context");
    args = {
      imageName: "127.0.0.1:5055/shop/odoo:v1",
      registry: { server: "127.0.0.1:5055", username: "push", password: "hunter22" },
      build: {
        context,
        dockerfile: path.join(context, "Dockerfile"),
        target: "runtime",
        platform: "linux/amd64",
        args: { A: "b" },
      },
    };
  });
  afterEach(() => {
    plugin.close();
    server.close();
    engine.close();
    fs.rmSync(directory, { recursive: true });
  });

  async function checked(change: ValueMap = {}): Promise<ValueMap> {
    const { inputs, failures } = await plugin.check(urn, { ...args, ...change });
    assert.deepEqual(failures, []);
    return inputs;
  }

  function contextDigest(inputs: ValueMap): unknown {
    return isMap(inputs["build"]) ? inputs["build"]["contextDigest"] : undefined;
  }

  it("adds the context's hash, defaults and a secret mark on the password in Check", async () => {
    const inputs = await checked();
    assert.equal(inputs["buildOnPreview"], false);
    assert.match(String(contextDigest(inputs)), /^[0-9a-f]{64}$/);
    assert.ok(isMap(inputs["registry"]) && isSecret(inputs["registry"]["password"]));
    assert.deepEqual(engine.requests, []);
  });

  it("changes the hash with a content, a mode, a name and the Dockerfile, and with nothing else", async () => {
    const file = path.join(directory, "context", "file");
    const seen = [contextDigest(await checked())];
    fs.utimesSync(file, 1, 1);
    assert.equal(contextDigest(await checked()), seen[0]);
    fs.chmodSync(file, 0o755);
    seen.push(contextDigest(await checked()));
    fs.writeFileSync(file, "other");
    seen.push(contextDigest(await checked()));
    fs.renameSync(file, `${file}2`);
    seen.push(contextDigest(await checked()));
    fs.appendFileSync(path.join(directory, "context", "Dockerfile"), "USER 1\n");
    seen.push(contextDigest(await checked()));
    assert.equal(new Set(seen).size, 5);
  });

  it("leaves out of hash and context what .dockerignore names", async () => {
    fs.writeFileSync(path.join(directory, "context", ".dockerignore"), "# no logs\n**/*.log\nbuild\n!build/keep.log\n");
    const before = contextDigest(await checked());
    fs.mkdirSync(path.join(directory, "context", "build"));
    fs.writeFileSync(path.join(directory, "context", "build", "out"), "x");
    fs.writeFileSync(path.join(directory, "context", "some.log"), "x");
    assert.equal(contextDigest(await checked()), before);
    fs.writeFileSync(path.join(directory, "context", "build", "keep.log"), "x");
    assert.notEqual(contextDigest(await checked()), before);
  });

  it("builds with BuildKit and pushes, and answers the digest of the push", async () => {
    const { id, state } = await plugin.create(urn, await checked());
    assert.equal(id, args.imageName);
    const { __inputs: inputs = null, ...outputs } = state;
    assert.deepEqual(outputs, {
      dockerfile: "Dockerfile",
      context: path.join(directory, "context"),
      baseImageName: args.imageName,
      registryServer: "127.0.0.1:5055",
      imageName: args.imageName,
      platform: "linux/amd64",
      repoDigest: `127.0.0.1:5055/shop/odoo@${digest}`,
    });
    assert.ok(isSecret(inputs));
    const [build, push] = engine.requests;
    const query = new URLSearchParams(build?.target.split("?")[1]);
    assert.deepEqual(
      ["version", "target", "platform", "t", "dockerfile", "buildargs"].map((name) => query.get(name)),
      ["2", "runtime", "linux/amd64", args.imageName, "Dockerfile", '{"A":"b"}'],
    );
    assert.match(query.get("session") ?? "", /^[0-9a-f]{32}$/);
    assert.equal(push?.target, "/images/127.0.0.1:5055/shop/odoo/push?tag=v1");
    const auth = JSON.parse(Buffer.from(String(push.headers["x-registry-auth"]), "base64url").toString()) as unknown;
    assert.deepEqual(auth, { username: "push", password: "hunter22", serveraddress: "127.0.0.1:5055" });
  });

  it("answers BuildKit's question for the registry's credentials during the build, and no other registry's", async () => {
    for (const [host, expected] of [
      ["127.0.0.1:5055", ["push", "hunter22"]],
      ["registry.example.com", []],
    ] as const) {
      engine.hold = true;
      const count = engine.requests.length;
      const outcome = plugin.create(urn, await checked()).catch((error: unknown) => error);
      while (engine.requests.length === count) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(
        engine.session?.headers["x-docker-expose-session-grpc-method"],
        "/moby.filesync.v1.Auth/Credentials",
      );
      assert.ok(
        engine.requests
          .at(-1)
          ?.target.includes(`session=${String(engine.session.headers["x-docker-expose-session-uuid"])}`),
      );
      assert.deepEqual(await engine.askCredentials(host), expected);
      engine.dropAll();
      assert.match(String(await outcome), /cannot be reached/);
    }
  });

  it("sends the context as a tar of root's files, with long names, links and modes", async () => {
    const context = path.join(directory, "context");
    const long = `${"long/".repeat(30)}naïve`;
    fs.mkdirSync(path.dirname(path.join(context, long)), { recursive: true });
    fs.writeFileSync(path.join(context, long), "deep");
    fs.symlinkSync("file", path.join(context, "link"));
    fs.chmodSync(path.join(context, "file"), 0o755);
    await plugin.create(urn, await checked());
    const body = engine.requests[0]?.body ?? Buffer.alloc(0);
    const listed = execFileSync("tar", ["--numeric-owner", "-tvf", "-"], {
      input: body,
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    assert.match(listed, /-rwxr-xr-x 0\/0 +7 .* file\n/);
    assert.match(listed, /lrwxrwxrwx 0\/0 +0 .* link -> file\n/);
    assert.ok(listed.includes(long), listed);
    assert.equal(
      execFileSync("tar", ["-xOf", "-", long], {
        input: body,
        encoding: "utf8",
        env: { ...process.env, LC_ALL: "C.UTF-8" },
      }),
      "deep",
    );
  });

  it("does not push with skipPush, and answers the local id", async () => {
    const { state } = await plugin.create(urn, await checked({ skipPush: true, imageName: "local" }));
    assert.equal(state["repoDigest"], imageId);
    assert.equal(engine.requests.length, 1);
  });

  it("asks the engine for nothing in a preview", async () => {
    const { state } = await plugin.create(urn, await checked(), true);
    assert.equal(state["repoDigest"], unknown);
    assert.equal(state["imageName"], args.imageName);
    const updated = await plugin.update(urn, "id", { repoDigest: "old" }, {}, await checked(), true);
    assert.equal(updated["repoDigest"], unknown);
    assert.deepEqual(engine.requests, []);
  });

  it("sees no difference in new credentials, and one in context, arguments or server", async () => {
    const inputs = await checked();
    const { state } = await plugin.create(urn, inputs);
    const changes = async (change: ValueMap): Promise<number> =>
      (await plugin.diff(urn, state, inputs, await checked(change))).changes;
    assert.equal(await changes({}), 1);
    assert.equal(await changes({ registry: { ...args.registry, username: "other", password: secret("new") } }), 1);
    assert.equal(await changes({ registry: { ...args.registry, server: "127.0.0.2:5055" } }), 2);
    assert.equal(await changes({ build: { ...args.build, args: { A: "c" } } }), 2);
    fs.writeFileSync(path.join(directory, "context", "file"), "changed");
    assert.equal(await changes({}), 2);
  });

  it("leaves registry and state alone in Read and Delete", async () => {
    const inputs = await checked();
    const { id, state } = await plugin.create(urn, inputs);
    engine.requests.length = 0;
    const read = await plugin.read(urn, id, state, inputs);
    assert.deepEqual([read.id, read.state, read.inputs], [id, state, inputs]);
    await plugin.delete(urn, id, state, inputs);
    assert.deepEqual(engine.requests, []);
  });

  it("shows the end of a failed build's log, coded lines from before it, and no secret", async () => {
    const lines = [
      "ADDON_INVALID: sale_custom/__manifest__.py",
      "password hunter22",
      ...Array.from({ length: 50 }, (_, index) => `line ${index}.`),
    ];
    engine.buildAnswer = [
      { id: "moby.buildkit.trace", aux: trace(`${lines.join("\n")}\nlast wo`) },
      { id: "moby.buildkit.trace", aux: trace("rds") },
      { errorDetail: { message: "executor failed running: exit code: 1" }, error: "x" },
    ];
    const inputs = await checked();
    await assert.rejects(plugin.create(urn, inputs), (error: Error) => {
      assert.match(
        error.message,
        /creating Image "odoo": building .*shop\/odoo:v1 failed: executor failed running: exit code: 1\nADDON_INVALID: sale_custom/,
      );
      assert.match(error.message, /line 49\.\nlast words$/);
      assert.doesNotMatch(error.message, /line 1\.|hunter22/);
      return true;
    });
  });

  it("tells a refused push in the registry's words", async () => {
    engine.pushAnswer = [
      { status: "Preparing" },
      { errorDetail: { message: "denied: quota exceeded" }, error: "denied: quota exceeded" },
    ];
    await assert.rejects(
      plugin.create(urn, await checked()),
      /pushing 127.0.0.1:5055\/shop\/odoo:v1 failed: denied: quota exceeded/,
    );
  });

  it("says where it looked for an engine that does not answer", async () => {
    await plugin.configure({ host: `unix://${directory}/none.sock` });
    await assert.rejects(plugin.create(urn, await checked()), /the Docker engine at .*none\.sock cannot be reached/);
  });

  it("ends a build on Cancel", async () => {
    engine.hold = true;
    const outcome = assert.rejects(plugin.create(urn, await checked()), /creating Image "odoo": cancelled/);
    while (engine.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await plugin.cancel();
    await outcome;
  });

  it("refuses in Check what it cannot do, and paths that lead nowhere", async () => {
    const failures = async (change: ValueMap): Promise<string> =>
      (await plugin.check(urn, { ...args, ...change })).failures.join();
    assert.match(await failures({ buildOnPreview: true }), /"buildOnPreview" is not supported/);
    assert.match(await failures({ build: { cacheFrom: { images: [] } } }), /"build.cacheFrom" is not supported/);
    assert.match(await failures({ build: { contxt: "." } }), /unknown property "build.contxt"/);
    await assert.rejects(
      plugin.check(urn, { ...args, build: { context: directory, dockerfile: "none" } }),
      /could not open dockerfile at relative path "none"/,
    );
    await assert.rejects(plugin.check(urn, { ...args, imageName: "odoo:1" }), /fully qualified/);
  });

  it("waits for what is not known yet", async () => {
    const { inputs, failures } = await plugin.check(urn, {
      ...args,
      imageName: unknown,
      build: { ...args.build, args: unknown },
    });
    assert.deepEqual([failures, reveal(inputs["imageName"] ?? null)], [[], unknown]);
    const late = await plugin.check(urn, { ...args, build: { context: unknown, platform: "linux/amd64" } });
    assert.deepEqual([late.failures, contextDigest(late.inputs)], [[], undefined]);
  });
});

/** A BuildKit status with one log of the step `step`. */
function trace(text: string): string {
  const log = new BinaryWriter();
  log.writeString(1, "step");
  log.writeBytes(4, Buffer.from(text));
  const status = new BinaryWriter();
  status.writeBytes(3, log.getResultBuffer());
  return Buffer.from(status.getResultBuffer()).toString("base64");
}
