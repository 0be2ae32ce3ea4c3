import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { ShipError } from "../../../components/shared/errors";
import { planProxy, proxyBuild } from "../../../components/proxy/plan";
import { readSettings } from "../../../settings";
import { caddyVersion } from "../../../sandbox/tools/caddy-binary";
import { addCosign, bundleText, digestOf, publicKey, SignedRegistry } from "../../support/signed";
import { Programs } from "../../support/programs";

const root = path.join(__dirname, "..", "..", "..");
const digest = `sha256:${"d".repeat(64)}`;

describe("the proxy's image", () => {
  let project: string;
  let programs: Programs;
  /** Tags that the registry has. */
  const tags = new Set<string>();
  const asked: string[] = [];
  const fetched = globalThis.fetch;

  beforeEach(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), "proxy-plan-"));
    fs.cpSync(path.join(root, "images"), path.join(project, "images"), { recursive: true });
    programs = new Programs();
    programs.recorded("docker", "echo linux/amd64");
    tags.clear();
    asked.length = 0;
    globalThis.fetch = (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      asked.push(`${init?.method ?? "GET"} ${pathname}`);
      const there = tags.has(pathname.split("/").at(-1) ?? "");
      return Promise.resolve(
        new Response(null, { status: there ? 200 : 404, headers: { "docker-content-digest": digest } }),
      );
    };
  });
  afterEach(() => {
    globalThis.fetch = fetched;
    programs.remove();
    fs.rmSync(project, { recursive: true });
  });

  const plan = (config: Record<string, string> = {}) =>
    planProxy(
      project,
      readSettings({
        config: {
          "odoo:environment": "staging",
          "registry:kind": "generic",
          "registry:host": "registry.example.com",
          "registry:repository": "team/odoo",
          "registry:username": "u",
          "registry:pullUsername": "reader",
          "vps:mode": "create",
          "vps:domain": "erp.example.com",
          "vps:region": "fra1",
          "vps:size": "s-2vcpu-4gb",
          "vps:sshFrom": '["203.0.113.0/24"]',
          ...config,
        },
        secretKeys: new Set(["gates:signingKey"]),
        environment: {
          REGISTRY_PASSWORD: "p",
          REGISTRY_PULL_PASSWORD: "r",
          VPS_SSH_PRIVATE_KEY: "k",
          DIGITALOCEAN_TOKEN: "t",
        },
      }),
      true,
    );
  const released = { "odoo:environment": "production", "image:digest": digest };

  it("is built where Odoo's is, under a tag that says what it is made of", async () => {
    const made = await plan();
    assert.equal(made?.image, undefined);
    assert.match(made?.build?.tag ?? "", /^proxy-[0-9a-f]{32}$/);
    const { context = "" } = made?.build ?? {};
    assert.match(context, /^\.build\/proxy\/[0-9a-f]{16}$/);
    const files = fs.readdirSync(path.join(project, context)).sort();
    assert.deepEqual(
      files.filter((file) => !file.endsWith(".go")),
      ["Dockerfile", "ca", "extra-addons", "go.mod", "go.sum", "oca-addons", "requirements"],
    );
    // What is asked of the registry is asked in a preview, too: nothing is written.
    assert.ok(
      asked.every((line) => line.startsWith("HEAD ")),
      asked.join(),
    );
  });

  it("is built once for each content: another source, base or platform is another image, and nothing else is", () => {
    const tag = (platform: "linux/amd64" | "linux/arm64" = "linux/amd64") =>
      proxyBuild(project, { platform, caFile: "" }).tag;
    const change = (file: string, from: string | RegExp, to: string) => {
      const name = path.join(project, "images", "proxy", file);
      const before = fs.readFileSync(name, "utf8");
      fs.writeFileSync(name, before.replace(from, to));
      const changed = tag();
      fs.writeFileSync(name, before);
      return changed;
    };
    const usual = tag();
    assert.equal(tag(), usual);
    fs.writeFileSync(path.join(project, "images", "proxy", "notes.txt"), "no part of it");
    fs.writeFileSync(path.join(project, "images", "proxy", "brake_test.go"), "package main");
    assert.equal(tag(), usual);
    const others = [
      tag("linux/arm64"),
      change("brake.go", "package main", "package main\n"),
      change("go.mod", /caddy\/v2 v\S+/, "caddy/v2 v2.99.0"),
      change("base-images.json", /sha256:[0-9a-f]{64}/, `sha256:${"e".repeat(64)}`),
      change("Dockerfile", "CGO_ENABLED=0", "CGO_ENABLED=1"),
    ];
    assert.equal(new Set([usual, ...others]).size, 6);
  });

  it("is taken from the registry where it is there, and never built for production", async () => {
    const tag = (await plan())?.build?.tag ?? "";
    tags.add(tag).add(digest);
    const image = `registry.example.com/team/odoo@${digest}`;
    assert.equal((await plan())?.image, image);
    assert.deepEqual(await plan(released), { image, build: undefined, warnings: [] });
  });

  it("is not built for a processor that no target has; once it is there, nobody asks for Docker", async () => {
    programs.recorded("docker", "echo linux/arm64");
    await assert.rejects(plan(), /PLATFORM_UNSUPPORTED[^]*a Docker engine of linux\/arm64/);
    const before = programs.calls("docker").length;
    tags.add(proxyBuild(project, { platform: "linux/amd64", caFile: "" }).tag);
    assert.notEqual((await plan())?.image, undefined);
    assert.equal(programs.calls("docker").length, before);
    tags.clear();
    const dockerfile = path.join(project, "images", "proxy", "Dockerfile");
    fs.writeFileSync(dockerfile, fs.readFileSync(dockerfile, "utf8").replace("FROM $", "FROM --platform=arm64 $"));
    await assert.rejects(plan(), /PLATFORM_UNSUPPORTED[^]*images\/proxy\/Dockerfile:\d+: FROM --platform=arm64/);
  });

  describe("where releases are signed", () => {
    const key = publicKey();
    let signatures: SignedRegistry;
    let signing: Record<string, string>;
    let tag: string;
    let signed: string;

    beforeEach(async () => {
      for (const name of ["components", "gates", "node_modules", "ops", "package.json"]) {
        fs.symlinkSync(path.join(root, name), path.join(project, name));
      }
      addCosign(programs);
      signatures = await SignedRegistry.start();
      const [host = ""] = signatures.repository.split("/");
      signing = {
        "registry:host": host,
        "gates:signing": "key",
        "gates:publicKey": key,
        "gates:signingKey": "awskms:///k",
      };
      const build = (await plan())?.build;
      tag = build?.tag ?? "";
      holds(build?.args["CONTENT_HASH"] ?? "");
    });
    afterEach(() => signatures.stop());

    /** Under the tag the registry has an image that says that it is of this content. */
    function holds(content: string): void {
      const config = JSON.stringify({ config: { Labels: { "odoo-ship.content": content } } });
      const manifest = JSON.stringify({ config: { digest: digestOf(config) } });
      signed = digestOf(manifest);
      const texts = new Map([
        [`manifests/${tag}`, manifest],
        [`manifests/${signed}`, manifest],
        [`blobs/${digestOf(config)}`, config],
      ]);
      globalThis.fetch = (input) => {
        const { pathname } = new URL(input instanceof Request ? input.url : input);
        const text = texts.get(pathname.replace("/v2/team/odoo/", ""));
        const headers = { "docker-content-digest": signed };
        return Promise.resolve(new Response(text ?? null, { status: text === undefined ? 404 : 200, headers }));
      };
    }

    it("is taken by staging and production alike, once it is signed", async () => {
      signatures.bundles.set(signed, [bundleText(key, signed)]);
      const image = `${signatures.repository}@${signed}`;
      const staging = await plan(signing);
      assert.deepEqual([staging?.image, staging?.warnings], [image, []]);
      assert.deepEqual(await plan({ ...signing, ...released }), { image, build: undefined, warnings: [] });
    });

    /** Staging builds it anew, and production refuses it. */
    async function refused(why: RegExp): Promise<void> {
      const staging = await plan(signing);
      assert.equal(staging?.image, undefined);
      assert.notEqual(staging?.build, undefined);
      assert.match(staging?.warnings.join() ?? "", /^proxy-\w+ names [^]* is built anew/);
      assert.match(staging?.warnings.join() ?? "", why);
      await assert.rejects(
        plan({ ...signing, ...released }),
        (error) =>
          error instanceof ShipError &&
          error.code === "IMAGE_NOT_FOUND" &&
          why.test(error.failure.found) &&
          /which signs it, or builds it anew/.test(error.failure.remedy),
      );
    }

    it("is not taken where nobody has signed it", () => refused(/the image is not signed/));

    it("is not taken where it is an earlier one of ours", async () => {
      holds("e".repeat(64));
      signatures.bundles.set(signed, [bundleText(key, signed)]);
      await refused(/which was built from something else/);
    });
  });

  it("is missed before anything is declared, in production", async () => {
    await assert.rejects(
      plan(released),
      (error) =>
        error instanceof ShipError &&
        error.code === "IMAGE_NOT_FOUND" &&
        /run staging's update/.test(error.failure.remedy),
    );
  });

  it("is what a record names, if that was built of the same sources", async () => {
    const file = path.join(project, "images", "vps-images.json");
    const record = JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, object>;
    const ready = {
      reference: "registry.example.com/proxy",
      tag: "1",
      digest,
      date: "2026-11-26",
      built: "images/proxy",
    };
    fs.writeFileSync(file, JSON.stringify({ ...record, proxy: ready }));
    assert.deepEqual(await plan(released), {
      image: `registry.example.com/proxy@${digest}`,
      build: undefined,
      warnings: [],
    });
    assert.deepEqual(asked, []);
  });

  it("is nobody's without a host and a cluster", async () => {
    assert.equal(await plan({ "vps:mode": "none" }), undefined);
  });

  it("has a Caddy in which the known holes are closed, the same one as the sandbox", () => {
    const { base } = JSON.parse(fs.readFileSync(path.join(root, "images/proxy/base-images.json"), "utf8")) as {
      base: { tag: string };
    };
    const atLeast = (version: string, least: string) => version.localeCompare(least, "en", { numeric: true }) >= 0;
    assert.ok(atLeast(caddyVersion, "2.11.9"), caddyVersion);
    // Only its files are used, not its program.
    assert.ok(atLeast(base.tag, "2.11.1"), base.tag);
    assert.match(
      fs.readFileSync(path.join(root, "images/proxy/go.sum"), "utf8"),
      new RegExp(`caddy/v2 v${caddyVersion.replaceAll(".", "\\.")} h1:`),
    );
  });
});
