import assert from "node:assert/strict";

import type { TargetReport } from "../../components/odoo/history";
import { withoutTokens } from "../../preview/noise";
import { previewPage } from "../../preview/page";
import { readSnapshot, type Snapshot, snapshotOf } from "../../preview/snapshot";
import { anotherImage, changing, planted, type Recording, recordedPreview } from "../support/recorded-preview";

const hash = (digit: string) => digit.repeat(64);

function snapshot(
  change: (recording: Recording) => void = () => undefined,
  requirements: Snapshot["requirements"] = {},
  events = "",
): Snapshot {
  const recording = recordedPreview();
  change(recording);
  return snapshotOf(
    { printed: JSON.stringify(recording), events },
    { stack: "staging", clean: withoutTokens, requirements: () => requirements },
  );
}

const page = (head: Snapshot, reports: readonly TargetReport[] = []) =>
  previewPage({ base: snapshot(), head }, reports);
const modules = (version: string, digit: string) => JSON.stringify({ sale_extra: { version, hash: hash(digit) } });

describe("the preview of a pull request", () => {
  it("names a new package, and that a rollback is code alone", () => {
    const lines = { "addons.txt": ["num2words>=0.5", "phonenumbers>=8.13"] };
    const base = snapshot(undefined, { "addons.txt": ["num2words>=0.5"] });
    const text = previewPage({ base, head: snapshot((it) => anotherImage(it, {}), lines) });
    assert.match(text, /`a{12}` → `f{12}`: new `addons\.txt: phonenumbers>=8\.13`$/m);
    assert.match(text, /The door stays open[^]*stays: a rollback is code alone/);
  });

  it("names both base images, and leaves open whether an installed module differs", () => {
    const text = page(snapshot((it) => anotherImage(it, { BASE_DIGEST: `sha256:${hash("7")}` })));
    assert.match(
      text,
      /`docker\.io\/library\/odoo:18\.0 sha256:b{12}` → `docker\.io\/library\/odoo:18\.0 sha256:7{12}`/,
    );
    assert.match(
      text,
      /If an installed module differs, the door is closed[^]*moves if a module that is installed differs/,
    );
  });

  it("names what more nodes cost, which restart nothing", () => {
    const head = snapshot((it) => {
      it.config["doks:nodesMax"] = { value: "3" };
      (changing(it, "doks-cluster-cluster")["nodePool"] as Record<string, unknown>)["maxNodes"] = 3;
    });
    assert.match(
      page(head),
      /`doks:nodesMax` not set → `3`\n.*\*\*nothing restarts\*\*\n.*about 58 to 82 USD → about 58 to 106/,
    );
    assert.match(page(head), /^- ~ `doks-cluster-cluster` `KubernetesCluster`: `nodePool\.maxNodes` `2` → `3`$/m);
  });

  it("names each target on which a setting restarts something", () => {
    const head = snapshot((it) => {
      it.config["odoo:options"] = { value: '{"limit_request": 8192}' };
      Object.assign(changing(it, "vps-odoo-release")["environment"] as object, {
        FILES: `${"3".repeat(12)} .env\n${"2".repeat(12)} proxy/Caddyfile`,
        REQUEST: "4".repeat(16),
      });
      (changing(it, "doks-odoo-web")["spec"] as Record<string, unknown>)["options"] = "limit_request=8192";
    });
    const parts =
      /cluster: pods of doks-odoo-web are replaced; VPS: a release runs: what uses \.env starts anew\. The door/;
    assert.match(page(head), parts);
    assert.match(
      page(head),
      /Settings:\*\* `odoo:options` `\{\}` → `\{"limit_request": 8192\}`[^]*rollback:\*\* stays\.$/m,
    );
  });

  it("says that nothing restarts for another worker on the host", () => {
    const head = snapshot((it) => {
      Object.assign(changing(it, "vps-odoo-release")["environment"] as object, { WORKER: "5".repeat(12) });
    });
    assert.match(page(head), /\*\*nothing restarts\*\*/);
    assert.match(page(head), /vps-odoo-release.*WORKER/);
  });

  it("is not moved by the ends of names that each preview makes anew", () => {
    const ending = (digits: string) =>
      snapshot((it) => {
        const spec = changing(it, "doks-odoo-web")["spec"] as Record<string, unknown>;
        spec["volumes"] = [{ name: `request-${digits}`, secretName: `doks-odoo-request-${digits}` }];
      });
    assert.match(previewPage({ base: ending("96493d38"), head: ending("1835d87b") }), /Nothing changes for this stack/);
  });

  it("knows a container's variables by their names, wherever in the list they are", () => {
    const having = (...env: object[]) =>
      snapshot((it) => ((changing(it, "doks-odoo-web")["spec"] as Record<string, unknown>)["env"] = env));
    const guard = { name: "ODOO_GUARD", value: "1" };
    const text = previewPage({ base: having(guard), head: having({ name: "ODOO_OPTIONS", value: "x" }, guard) });
    assert.match(text, /: `spec\.env\.ODOO_OPTIONS\.name` .*, `spec\.env\.ODOO_OPTIONS\.value` `none` → `x`$/m);
  });

  it("says that nothing restarts where both branches come to the same, also long after the last update", () => {
    const waiting = () => snapshot((it) => anotherImage(it, { EPOCH: "2" }));
    const text = previewPage({ base: waiting(), head: waiting() });
    assert.match(text, /Nothing changes for this stack, and \*\*nothing restarts\*\*/);
    assert.doesNotMatch(text, /<details>/);
  });

  it("is not moved by attempts, logins and revisions alone", () => {
    const head = snapshot((it) => {
      const image = changing(it, "odoo-image-build") as { registry: object; build: { args: object } };
      Object.assign(image.registry, { password: "another" });
      Object.assign(image.build.args, { ATTEMPT: "7", REVISION: "d".repeat(40) });
      Object.assign(changing(it, "vps-odoo-release"), { stdin: "another", triggers: [1] });
    });
    assert.match(page(head), /Nothing changes for this stack/);
  });

  it("tells an addon whose version stays by the hash of its content, and what a rollback then takes", () => {
    const text = page(snapshot((it) => anotherImage(it, { MODULES: modules("18.0.1.2.0", "2") })));
    assert.match(text, /`sale_extra 18\.0\.1\.2\.0` same version, content `11111111` → `22222222`/);
    assert.match(text, /Schema and rollback:\*\* moves where these modules are installed: .*restore point/);
    assert.match(
      text,
      /Restarts:\*\* Odoo on the VPS and the cluster\. The door is closed while the database is upgraded/,
    );
    assert.match(text, /not known until staging has built it/);
  });

  it("says for how long by what a release has noted", () => {
    const report = { target: "VPS", problem: "", history: { releases: [{ door: null }, { door: 41 }] } };
    const head = snapshot((it) => anotherImage(it, { MODULES: modules("18.0.1.3.0", "2") }));
    assert.match(page(head, [report as unknown as TargetReport]), /upgraded \(about 41 s, as at the last release/);
    assert.match(page(head), /upgraded \(not known yet\)/);
  });

  it("counts vulnerabilities gained and lost where both reports are known", () => {
    const head = snapshot((it) => {
      anotherImage(it, {});
      const gate = it.steps.find(({ urn }) => urn.endsWith("::gates-scan"));
      assert.ok(gate);
      gate.op = "same";
      gate.newState.outputs = { stdout: JSON.stringify({ facts: { unfixed: ["CVE-2026-0002 libxml2"] } }) };
    });
    const text = page(head);
    assert.match(text, /1 gained, 1 lost; gained `CVE-2026-0002 libxml2`; lost `CVE-2026-0001 zlib1g`/);
  });

  it("tells what breaks a rule, and what one advises that did not before", () => {
    const urn = "urn:pulumi:staging::odoo::odoo:vps:Host$command:remote:Command::vps-odoo-release";
    const event = (policyName: string, message: string) =>
      JSON.stringify({ policyEvent: { resourceUrn: urn, policyName, message, enforcementLevel: "mandatory" } });
    const older = event("image-by-tag", "odoo:latest is a tag\nwhy: it moves");
    const events = `${older}\n${event("plain-secrets", "PASSWORD is in plain\nwhy: …")}\n{"policy`;
    const base = snapshot(undefined, {}, older);
    const advised = snapshot(undefined, {}, events);
    assert.match(
      previewPage({ base, head: advised }),
      /^- \*\*Rules:\*\* `plain-secrets: vps-odoo-release: PASSWORD is in plain why: …`$/m,
    );
    assert.doesNotMatch(previewPage({ base, head: base }), /Rules/);
    const refused = snapshot((it) => it.diagnostics.push({ severity: "error", message: "preview failed" }), {}, events);
    const text = previewPage({ base, head: refused });
    assert.match(text, /would be refused:\*\*\n\n- `image-by-tag: .*\n- `plain-secrets: .*\n\n.*docs\/policy\.md/);
    assert.doesNotMatch(text, /preview failed/);
  });

  it("shows warnings that the target branch does not have, and a size without a price", () => {
    const head = snapshot((it) => {
      it.diagnostics.push({ severity: "warning", message: "warning: vps:sshFrom lets everybody in\n" });
      changing(it, "vps-host-droplet")["size"] = "s-9vcpu-9gb";
    });
    const text = page(head);
    assert.match(text, /Warnings, new:\*\* `vps:sshFrom lets everybody in`/);
    assert.doesNotMatch(text, /backup:destination/);
    assert.match(text, /and `s-9vcpu-9gb`, whose price is not known here/);
    assert.match(text, /the host is turned off for its new size/);
  });

  it("says of a cluster that is made anew for other nodes no more than that", () => {
    const head = snapshot((it) => {
      (changing(it, "doks-cluster-cluster")["nodePool"] as Record<string, unknown>)["size"] = "s-4vcpu-8gb";
      for (const step of it.steps) if (step.urn.endsWith("::doks-cluster-cluster")) step.op = "replace";
    });
    assert.match(page(head), /Restarts:\*\* doks-cluster-cluster is made anew: look at its data first\. Odoo/);
  });

  it("tells what is made anew and what goes", () => {
    const head = snapshot((it) => {
      it.steps = it.steps.filter(({ urn }) => !urn.endsWith("::vps-host-data"));
      changing(it, "vps-host-droplet");
      for (const step of it.steps) if (step.urn.endsWith("::vps-host-droplet")) step.op = "create-replacement";
    });
    assert.match(page(head), /vps-host-droplet is made anew: look at its data first/);
    assert.match(page(head), /- - `vps-host-data` `Volume`/);
  });

  it("tells the error of a preview that fails, and has no secret in it, wherever one was planted", () => {
    const secret = planted.join(" ");
    const head = snapshot((it) => {
      it.diagnostics.push({ severity: "error", message: `SETTINGS_INVALID: no\nfound: ${secret}` });
    });
    const changed = snapshot((it) => {
      it.config["odoo:options"] = { value: secret };
      it.diagnostics.push({ severity: "warning", message: `warning: ${secret}` });
      changing(it, "doks-odoo-web")["spec"] = { [secret]: secret };
      anotherImageOf(it, secret);
    });
    assert.match(page(head), /would be refused:[^]*SETTINGS_INVALID/);
    const saved = JSON.stringify([head, changed]);
    for (const text of [page(head), page(changed), saved]) {
      for (const one of planted) assert.ok(!text.includes(one), one);
    }
    assert.ok(JSON.stringify(recordedPreview()).includes(planted[0] ?? "none"), "the search finds what is there");
  });

  it("refuses what is no preview, and a saved one of another form", () => {
    const args = { stack: "staging", clean: withoutTokens, requirements: () => ({}) };
    assert.throws(
      () => snapshotOf({ printed: "Please log in", events: "" }, args),
      /SETTINGS_INVALID: a preview cannot be read/,
    );
    assert.throws(() => readSnapshot('{"format": 2}'), /SETTINGS_INVALID[^]*--save/);
    assert.deepEqual(readSnapshot(JSON.stringify(snapshot())), snapshot());
  });
});

function anotherImageOf(recording: Recording, text: string): void {
  anotherImage(recording, { PYTHON_PACKAGES: text });
}
