import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { sandboxEnvironment } from "../../../sandbox/environment";
import type { ServersFile } from "../../../sandbox/servers";
import { readServers } from "../../../sandbox/servers-control";
import { buildingStack, trialManifest, trialRegistry, trialRepository } from "../../support/building-stack";
import { docker } from "../../support/odoo";
import { sample } from "../../support/sample";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";

/** Beside other tests, which push to other repositories: the paths of the trial's, and of the API's registries. */
const ours = new RegExp("^/v2/(sandbox/trial/|registr)");

describe("updates that build", () => {
  let servers: ServersFile;
  let stack: TestStack;
  let first: string;

  const running = (): ServersFile => {
    const found = readServers();
    assert.ok(found !== undefined, "the sandbox is not up: npm start");
    return found;
  };
  const registry = () => trialRegistry(servers);
  const api = (method: string, target: string, body?: object) =>
    fetch(`${servers.apiUrl}${target}`, {
      method,
      signal: AbortSignal.timeout(60_000),
      headers: { authorization: `Bearer ${servers.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  /** Requests since a moment that change the trial's repository, a registry or a login to one. */
  const changesSince = async (moment: number) => {
    const { requests } = (await (await api("GET", "/_sandbox/requests")).json()) as {
      requests: { at: string; method: string; path: string }[];
    };
    const since = requests.filter(({ at }) => Date.parse(at) > moment);
    assert.ok(since.length < requests.length, "the sandbox remembers fewer requests than there were since");
    return since
      .filter(({ method, path: where }) => !["GET", "HEAD"].includes(method) && ours.test(where))
      .map(({ method, path: where }) => `${method} ${where}`);
  };
  const images = () => docker(process.env, "image", "ls", "--no-trunc", "-q", trialRepository);
  const layers = (digest: string) => {
    docker(sandboxEnvironment(servers), "pull", "-q", `${trialRepository}@${digest}`);
    return JSON.parse(
      docker(process.env, "image", "inspect", "--format", "{{json .RootFS.Layers}}", `${trialRepository}@${digest}`),
    ) as string[];
  };
  const succeed = async (update: Promise<{ status: number | null; output: string }>) => {
    const { status, output } = await update;
    assert.equal(status, 0, output);
    return (await stack.outputs())["imageDigest"] ?? "";
  };
  const newStack = () => buildingStack(servers);

  before(async () => {
    servers = running();
    stack = await newStack();
  });
  afterEach(async () => {
    await api("DELETE", "/_sandbox/faults");
  });
  after(() => stack.remove());

  it("are previewed without an image, a tag or a registry changed", async () => {
    const [begun, before] = [Date.now(), images()];
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.deepEqual([await changesSince(begun), images()], [[], before]);
  });

  it("push one candidate and release it", async () => {
    const begun = Date.now();
    first = await succeed(stack.up());
    assert.notDeepEqual(await changesSince(begun), [], "the requests of a push are seen");
    assert.equal(await registry().digestOf("latest"), first);
    const answer = await api("GET", "/v2/registries/sandbox/repositories/trial/tags");
    const { tags } = (await answer.json()) as { tags: { tag: string; manifest_digest: string }[] };
    const candidates = tags.filter((tag) => tag.tag.startsWith("candidate-"));
    assert.deepEqual(
      candidates.map((tag) => tag.manifest_digest),
      [first],
    );
  });

  it("change nothing when nothing changed, in a preview or an update", async () => {
    const begun = Date.now();
    await succeed(stack.preview("--expect-no-changes"));
    await succeed(stack.up("--expect-no-changes"));
    assert.deepEqual(await changesSince(begun), []);
  });

  it("keep the digest when a file is touched or committed that is no input", async () => {
    stack.write("README.md", "changed\n");
    fs.utimesSync(path.join(stack.project, "addons/trial/__init__.py"), 1, 1);
    assert.equal(await succeed(stack.up("--expect-no-changes")), first);
    stack.commit("documentation");
    assert.equal(await succeed(stack.up("--expect-no-changes")), first);
  });

  it("make a new digest of a changed addon, with only the last layers new, and the old digest of the old content again", async () => {
    const original = fs.readFileSync(path.join(stack.project, "addons/trial/__init__.py"), "utf8");
    stack.write("addons/trial/__init__.py", `${original}changed = True\n`);
    const second = await succeed(stack.up());
    assert.notEqual(second, first);
    assert.equal(await registry().digestOf("latest"), first, "what is not committed gets no tag");
    const [old, fresh] = [layers(first), layers(second)];
    const same = old.findIndex((layer, index) => layer !== fresh[index]);
    assert.ok(same >= old.length - 4, `${same} of ${old.length} layers are the same`);
    stack.write("addons/trial/__init__.py", original);
    assert.equal(await succeed(stack.up()), first);
    assert.equal(await registry().digestOf("latest"), first);
  });

  it("keep the digest with the state lost", async () => {
    const lost = stack;
    stack = await newStack();
    try {
      fs.rmSync(path.join(stack.project, ".git"), { recursive: true });
      fs.cpSync(path.join(lost.project, ".git"), path.join(stack.project, ".git"), { recursive: true });
      assert.equal(await succeed(stack.up()), first);
    } finally {
      stack.remove();
      stack = lost;
    }
  });

  it("push again what is gone from the registry", async () => {
    const answer = await api("DELETE", `/v2/registries/sandbox/repositories/trial/digests/${first}`);
    assert.equal(answer.status, 204);
    assert.equal(await registry().digestOf(first), undefined);
    const digest = await succeed(stack.up());
    assert.equal(await registry().digestOf("latest"), digest);
    await succeed(stack.up("--expect-no-changes"));
  });

  it("refuse a dependency that is nowhere, before anything is pushed", async () => {
    stack.write("addons/lost/__manifest__.py", trialManifest.replace('"base"', '"base", "nowhere_to_be_found"'));
    stack.write("addons/lost/__init__.py", "");
    const begun = Date.now();
    const { status, output } = await stack.up();
    fs.rmSync(path.join(stack.project, "addons/lost"), { recursive: true });
    assert.notEqual(status, 0);
    assert.match(output, /MISSING_ADDONS.*addons\/lost\/__manifest__\.py/);
    assert.match(output, /nowhere_to_be_found/);
    assert.deepEqual(await changesSince(begun), []);
  });

  // Each point is told by its own words: the stand-in's, or those of the official plugin.
  const points = {
    "before the image is built": /odoo-image-build creating|odoo-image-build updating/,
    "while it is built": /Building |Starting Docker build/,
    "while it is pushed": /Pushing /,
    "after the push, before its tags are set": /odoo-image-build (created|updated)/,
    "while its tags are set": /release-tags (creating|replacing|updating)/,
    "while the tags of what serves are set": /served-tags (creating|replacing|updating)/,
    "after its tags are set": /served-tags (created|replaced|updated)/,
  } as const;
  const names = Object.keys(points) as (keyof typeof points)[];
  // What Docker does, and a tag. Told to end, an update of the whole program is tried with npm start.
  const chosen = { SIGKILL: ["while it is pushed", "while the tags of what serves are set"], SIGINT: [] } as const;
  for (const signal of ["SIGKILL", "SIGINT"] as const) {
    for (const name of sample(names, chosen[signal])) {
      const at = points[name];
      it(`end well after ${signal} ${name}`, async () => {
        stack.write("addons/trial/__init__.py", `interrupted = "${process.pid} ${signal} ${name}"\n`);
        stack.commit(name);
        await stack.endedUpdate(at, signal);
        const digest = await succeed(stack.recover());
        assert.equal(await registry().digestOf("latest"), digest);
        await succeed(stack.up("--expect-no-changes"));
      });
    }
  }

  it("live through a busy API and registry", async () => {
    for (const what of ["api-429", "api-500", "registry-429", "registry-500"]) {
      await api("POST", "/_sandbox/faults", { what, times: 2, seconds: 0, path: ours.source });
    }
    stack.write("addons/trial/__init__.py", `busy = "${process.pid}"\n`);
    await succeed(stack.up());
    assert.deepEqual(await (await api("GET", "/_sandbox/faults")).json(), { faults: [] }, "all of them were met");
  });

  const refusals = { "registry-unauthorized": /REGISTRY_AUTH_FAILURE/, "registry-quota": /QUOTA_EXCEEDED/ } as const;
  const whats = Object.keys(refusals) as (keyof typeof refusals)[];
  for (const what of sample(whats, ["registry-unauthorized"])) {
    it(`say what is wrong under ${what}, and succeed when it is over`, async () => {
      stack.write("addons/trial/__init__.py", `refused = "${process.pid} ${what}"\n`);
      await api("POST", "/_sandbox/faults", { what, path: ours.source });
      const { status, output } = await stack.up();
      assert.notEqual(status, 0);
      assert.match(output, refusals[what]);
      await api("DELETE", "/_sandbox/faults");
      await succeed(stack.up());
    });
  }

  it("leave no secret in plain in the state, the previews or the log", async () => {
    const { output } = await stack.preview("--show-secrets=false");
    const everything = stack.storedText() + output + fs.readFileSync(path.join(paths.state, "pulumi.log"), "utf8");
    assert.ok(everything.includes("release-tags"), "the search finds what is there");
    const secrets = [servers.token, servers.push.password, servers.pull.password, "planted-passphrase"];
    const minted = /dor_v1_[0-9a-f]{8,}/;
    assert.match(
      (await stack.pulumi("stack", "export", "--show-secrets")).output,
      minted,
      "the search finds credentials where they are shown",
    );
    assert.doesNotMatch(everything, minted);
    for (const secret of [
      Buffer.from("dor_v1_").toString("base64").slice(0, 8),
      ...secrets,
      ...secrets.map((text) => Buffer.from(`${text}:${text}`).toString("base64")),
    ]) {
      assert.ok(!everything.includes(secret));
    }
  });
});
