import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import type { TargetReport } from "../../components/odoo/history";
import { withoutTokens } from "../../preview/noise";
import { previewPage } from "../../preview/page";
import { readSnapshot, type Snapshot, snapshotOf } from "../../preview/snapshot";
import { anotherImage, changing, planted, type Recording, recordedPreview } from "../support/recorded-preview";

const root = path.join(__dirname, "..", "..");
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
    { stack: "staging", clean: withoutTokens, requirements },
  );
}

const page = (head: Snapshot, reports: readonly TargetReport[] = []) =>
  previewPage({ base: snapshot(), head }, reports);
const modules = (version: string, digit: string) => JSON.stringify({ sale_extra: { version, hash: hash(digit) } });

/** The examples of docs/preview/: the file is what the change gives. */
const examples: Readonly<Record<string, () => string>> = {
  addon: () => page(snapshot((it) => anotherImage(it, { MODULES: modules("18.0.1.3.0", "2") }))),
  requirement: () => {
    const lines = { "addons.txt": ["num2words>=0.5", "phonenumbers>=8.13"] };
    const head = snapshot((it) => anotherImage(it, {}), lines);
    return previewPage({ base: snapshot(undefined, { "addons.txt": ["num2words>=0.5"] }), head });
  },
  "base-image": () => page(snapshot((it) => anotherImage(it, { BASE_DIGEST: `sha256:${hash("7")}` }))),
  "cluster-size": () =>
    page(
      snapshot((it) => {
        it.config["doks:nodeSize"] = { value: "s-4vcpu-8gb" };
        (changing(it, "doks-cluster-cluster")["nodePool"] as Record<string, unknown>)["size"] = "s-4vcpu-8gb";
      }),
    ),
  setting: () =>
    page(
      snapshot((it) => {
        it.config["odoo:options"] = { value: '{"limit_request": 8192}' };
        Object.assign(changing(it, "vps-odoo-release")["environment"] as object, {
          FILES: `${"3".repeat(12)} .env\n${"2".repeat(12)} proxy/Caddyfile`,
          REQUEST: "4".repeat(16),
        });
        (changing(it, "doks-odoo-web")["spec"] as Record<string, unknown>)["options"] = "limit_request=8192";
      }),
    ),
};

describe("the preview of a pull request", () => {
  for (const [name, make] of Object.entries(examples)) {
    it(`is as docs/preview/${name}.md shows it`, () => {
      const file = path.join(root, "docs", "preview", `${name}.md`);
      const text = make();
      if (process.env["UPDATE_GOLDEN"] !== undefined) fs.writeFileSync(file, text);
      assert.equal(text, fs.readFileSync(file, "utf8"));
      const [above = "", below] = text.split("<details>");
      assert.ok(above.split("\n").length < 25);
      assert.ok(above.split("\n").filter((line) => line.startsWith("- ")).length <= 10);
      assert.ok(name === "cluster-size" ? below?.includes("nodePool.size") : true);
    });
  }

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
    const args = { stack: "staging", clean: withoutTokens, requirements: {} };
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
