import assert from "node:assert/strict";

import * as pulumi from "@pulumi/pulumi";

import type { HostRequest } from "../../../components/vps/request";
import { Secret } from "../../../components/shared/secret";
import { VpsDeployment } from "../../../components/vps/deployment";
import { declare, type ProgramRun, secretOf } from "../../support/program";

const digest = `sha256:${"a".repeat(64)}`;
const request = {
  id: "0123456789abcdef",
  image: `registry.example.com/odoo@${digest}`,
  files: { ".env": "A=1\n", "docker-compose.prod.yml": "services: {}\n" },
  registry: { server: "registry.example.com", username: "u", password: "planted-pull-password" },
} as unknown as HostRequest;
const outcome = { url: "https://erp.example.com", digest, warnings: ["no dump"] };

function run(changes: { attempt?: number; fresh?: boolean; request?: object } = {}): Promise<ProgramRun> {
  return declare("staging", {}, { "command:local:Command": () => ({ stdout: `${JSON.stringify(outcome)}\n` }) }, () => {
    const made = new VpsDeployment("vps-odoo", {
      connection: {
        host: "203.0.113.9",
        port: 22,
        user: "root",
        hostKey: "ssh-ed25519 AAAA",
        privateKey: new Secret("planted-private-key"),
      },
      secrets: { "vps:privateKey": new Secret("planted-private-key") },
      stack: "odoo/staging",
      request: pulumi.secret({ ...request, ...changes.request } as HostRequest),
      worker: "0123456789ab",
      fresh: changes.fresh ?? true,
      attempt: changes.attempt,
    });
    const { url, digest: live, warnings } = made;
    const secrets = pulumi.all([pulumi.isSecret(url), pulumi.isSecret(live), pulumi.isSecret(warnings)]);
    return Promise.resolve({ url, live, warnings, secrets });
  });
}

function commandOf({ resources }: ProgramRun): {
  inputs: Record<string, unknown>;
  options: Record<string, unknown>;
  parent: string;
} {
  const found = resources.find(({ name }) => name === "vps-odoo-release");
  assert.ok(found);
  return found as unknown as ReturnType<typeof commandOf>;
}

describe("the deployment of a request", () => {
  it("hands everything over by standard input, as a secret, and what the state is to have no copy of as a reference", async () => {
    const { inputs, parent } = commandOf(await run());
    assert.equal(parent, "vps-odoo");
    const text = String(secretOf(inputs["stdin"]));
    const stdin = JSON.parse(text) as { stack: string; connection: Record<string, unknown>; request: unknown };
    assert.deepEqual(stdin.request, request);
    assert.equal(stdin.stack, "odoo/staging");
    assert.deepEqual(Object.keys(stdin.connection["privateKey"] as object), ["secret", "fingerprint"]);
    assert.ok(!text.includes("planted-private-key"));
    assert.doesNotMatch(JSON.stringify({ ...inputs, stdin: undefined }), /planted/);
  });

  it("shows in a preview what changes: image, files, worker; none of it a secret", async () => {
    const { environment } = commandOf(await run()).inputs as { environment: Record<string, string> };
    assert.equal(environment["IMAGE"], request.image);
    assert.equal(environment["REQUEST"], request.id);
    assert.equal(environment["WORKER"], "0123456789ab");
    assert.match(environment["FILES"] ?? "", /^[0-9a-f]{12} \.env\n[0-9a-f]{12} docker-compose\.prod\.yml$/);
    const changed = commandOf(await run({ request: { files: { ...request.files, ".env": "A=2\n" } } })).inputs[
      "environment"
    ];
    const lines = (text: string | undefined) => (text ?? "").split("\n");
    const [before, after] = [lines(environment["FILES"]), lines((changed as Record<string, string>)["FILES"])];
    assert.deepEqual(
      before.map((line, at) => line === after[at]),
      [false, true],
    );
  });

  it("changes in place, so that a release is never a removal", async () => {
    const { inputs } = commandOf(await run());
    assert.equal(inputs["triggers"], undefined);
    assert.equal(inputs["delete"], undefined);
    assert.equal(inputs["create"], "node --import tsx ops/vps-deploy.ts --fresh");
    assert.equal(inputs["update"], "node --import tsx ops/vps-deploy.ts");
    assert.equal(commandOf(await run({ fresh: false })).inputs["create"], inputs["update"]);
  });

  it("runs again only for a host that does not run what it should", async () => {
    assert.deepEqual(commandOf(await run()).options["ignoreChanges"], ["environment.ATTEMPT"]);
    const again = commandOf(await run({ attempt: 1_795_255_200 }));
    assert.deepEqual(again.options["ignoreChanges"], []);
    assert.equal((again.inputs["environment"] as Record<string, string>)["ATTEMPT"], "1795255200");
  });

  it("tells address, digest and warnings, which are no secrets", async () => {
    const { outputs } = await run();
    assert.deepEqual(outputs, {
      url: outcome.url,
      live: digest,
      warnings: outcome.warnings,
      secrets: [false, false, false],
    });
  });
});
