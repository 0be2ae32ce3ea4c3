import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { type Receivers, reportSecrets } from "../../../components/release/report-order";
import { type ErrorCode, errorCodes, ShipError } from "../../../components/shared/errors";
import { Secret } from "../../../components/shared/secret";
import { SecretDesk } from "../../../components/shared/secret-desk";
import { failureOf, openReporter } from "../../../gates/report/reporter";
import { type GateReport, reportSchema } from "../../../gates/report/schema";
import { MailServer } from "../../support/mail-server";
import { findIn } from "../../support/secret-search";
import { WebReceiver } from "../../support/web-receiver";

const secrets = {
  slack: "T000/B000/slack-path-of-the-webhook",
  smtp: "password-of-the-mail-server",
  pagerduty: "integration-key-of-pagerduty",
  database: "password-of-the-database",
};
const digest = `sha256:${"d".repeat(64)}`;
const now = new Date("2026-01-05T08:00:00.000Z");

describe("A failed gate", () => {
  let root: string;
  let desk: SecretDesk;
  let mail: MailServer;
  let web: WebReceiver;
  let said: string[];

  beforeEach(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "reporter-"));
    said = [];
    mail = await MailServer.start();
    web = await WebReceiver.start();
    await open();
  });
  afterEach(async () => {
    desk.close();
    await Promise.all([mail.close(), web.close()]);
    fs.rmSync(root, { recursive: true });
  });

  async function open(smtpServer = mail.address): Promise<void> {
    const at = web.url;
    const notify = {
      slackWebhook: new Secret(`${at}/${secrets.slack}`),
      smtpServer,
      smtpUsername: "ship",
      smtpPassword: new Secret(secrets.smtp),
      mailFrom: "odoo@example.com",
      mailTo: ["ops@example.com"],
      pagerdutyKey: new Secret(secrets.pagerduty),
      pagerdutyUrl: `${at}/v2/enqueue`,
    };
    const build = { revision: { id: "0123abcd" }, contentHash: "c".repeat(64) } as never;
    const named = reportSecrets({ notify }, { build }, { stack: "odoo/reporter", now });
    desk = await SecretDesk.open("odoo/reporter", named, { "doks:databasePassword": new Secret(secrets.database) });
  }

  async function fail(code: ErrorCode, found = "something"): Promise<void> {
    await end(new ShipError({ code, summary: `summary of ${code}`, found, expected: "less", remedy: "mend <it>" }));
  }

  async function end(error: Error): Promise<void> {
    const reporter = await opened();
    const failure = failureOf(error);
    await reporter.end({
      gate: "image",
      outcome: "failed",
      seconds: 1,
      facts: {},
      warnings: [],
      notChecked: [],
      failure,
    });
  }

  const opened = () =>
    openReporter({
      root,
      stack: "odoo/reporter",
      order: { image: `r.example/odoo@${digest}` },
      say: (line) => said.push(line),
    });

  const report = (): GateReport =>
    reportSchema.parse(JSON.parse(fs.readFileSync(path.join(root, ".build", "report", "report.json"), "utf8")));

  const receivers = () => [
    ...web.posted.map(({ path: place }) => (place === "/v2/enqueue" ? "pagerduty" : "slack")),
    ...(mail.said.includes("DATA") ? ["mail"] : []),
  ];

  it("leaves a report, and what passed before it is in there", async () => {
    const passed = { outcome: "passed", seconds: 1, facts: {}, warnings: [], notChecked: [] } as const;
    await (await opened()).end({ gate: "preflight", ...passed });
    assert.ok(!fs.existsSync(path.join(root, ".build", "report")));
    const beside = await opened();
    await fail("IMAGE_SIZE_EXCEEDED");
    const { outcome, commit, image, gates } = report();
    assert.deepEqual([outcome, commit, image], ["failed", "0123abcd", `r.example/odoo@${digest}`]);
    const found = Object.fromEntries(gates.map((gate) => [gate.gate, gate.outcome]));
    assert.equal(found["preflight"], "passed");
    assert.equal(found["image"], "failed");
    // One that ends later, even after the update itself has, is in the report, too.
    desk.close();
    await beside.end({ gate: "preflight", ...passed, warnings: ["a late one"] });
    assert.ok(report().warnings.includes("preflight: a late one"));
  });

  for (const [code, who] of [
    ["IMAGE_SIZE_EXCEEDED", ["slack"]],
    ["SECURITY_HIGH", ["slack"]],
    ["TEST_FAILURE", ["mail", "slack"]],
    ["SECURITY_CRITICAL", ["mail", "pagerduty", "slack"]],
    ["MALWARE_DETECTED", ["mail", "pagerduty", "slack"]],
  ] as const) {
    it(`with ${code}, ${errorCodes[code]}, is told to ${who.join(", ")}`, async () => {
      await fail(code);
      assert.deepEqual(receivers().sort(), who);
      assert.deepEqual(said, []);
    });
  }

  it("is told in exactly these words", async () => {
    await fail("SECURITY_CRITICAL", "the log of a program");
    const lines = [
      "SECURITY_CRITICAL (critical): summary of SECURITY_CRITICAL",
      "Stack: odoo/reporter, gate: image",
      "Commit: 0123abcd",
      `Image: ${digest}`,
      "Remedy: mend <it>",
      "Nothing was released. What was found is in .build/report/ of the machine that ran the update.",
    ];
    const [first = "", ...others] = lines.map((line) => line.replace("<it>", "&lt;it&gt;"));
    const bodies = Object.fromEntries(web.posted.map(({ path: place, body }) => [place, body]));
    assert.deepEqual(bodies, {
      [`/${secrets.slack}`]: { channel: "#devops-alerts", text: [`:x: *${first}*`, ...others].join("\n") },
      "/v2/enqueue": {
        routing_key: secrets.pagerduty,
        event_action: "trigger",
        dedup_key: "odoo/reporter/SECURITY_CRITICAL",
        payload: {
          summary: "odoo/reporter: SECURITY_CRITICAL: summary of SECURITY_CRITICAL",
          source: "odoo/reporter",
          severity: "critical",
          component: "image",
          class: "SECURITY_CRITICAL",
          custom_details: { remedy: "mend <it>", commit: "0123abcd", digest },
        },
      },
    });
    assert.ok(mail.said.includes("Subject: [odoo/reporter] SECURITY_CRITICAL"));
    assert.equal(mail.text, lines.join("\n"));
  });

  it("takes no secret into a message, a report or a line", async () => {
    web.status = 403;
    const quoted = Object.values(secrets).join(" ");
    await end(
      new ShipError({
        code: "SECURITY_CRITICAL",
        summary: `quotes ${quoted}`,
        found: quoted,
        expected: quoted,
        remedy: quoted,
      }),
    );
    const folder = path.join(root, ".build");
    const files = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name));
    const places = Object.fromEntries(
      files.filter((file) => fs.statSync(file).isFile()).map((file) => [file, fs.readFileSync(file, "utf8")]),
    );
    const messages = web.posted.map(({ body }) => JSON.stringify({ ...body, routing_key: "" })).join("\n");
    assert.ok(Object.keys(places).length >= 5 && messages !== "" && said.length === 2);
    const found = findIn({ ...places, messages, mail: mail.text, said: said.join("\n") }, secrets);
    assert.deepEqual(Object.values(found).flat(), []);
    // The search finds one that is there.
    assert.deepEqual(findIn({ place: `a ${secrets.smtp}` }, secrets), { place: ["smtp"] });
  });

  it("is a failed gate, and no more, where nobody can be told", async () => {
    web.status = 403;
    desk.close();
    const away = await MailServer.start();
    await open(away.address);
    await away.close();
    await fail("SECURITY_CRITICAL");
    assert.equal(said.length, 3);
    assert.match(said.join("\n"), /warning: Slack was not told: it answered 403\n/);
    assert.match(said.join("\n"), /warning: mail was not told: [^\n]*ECONNREFUSED/);
    assert.match(said.join("\n"), /warning: PagerDuty was not told: it answered 403/);
    assert.equal(report().outcome, "failed");
  });

  it("is told where the report cannot be written", async () => {
    fs.writeFileSync(path.join(root, ".build"), "no folder");
    await fail("TEST_FAILURE");
    assert.match(said.join("\n"), /^warning: the report could not be written: /);
    assert.deepEqual(receivers().sort(), ["mail", "slack"]);
  });

  it("has no code where it broke off, and is told to Slack", async () => {
    await end(new TypeError("x is undefined"));
    assert.deepEqual(receivers(), ["slack"]);
    const failure = report().gates.find(({ gate }) => gate === "image")?.failure;
    assert.deepEqual([failure?.code, failure?.found], [undefined, "x is undefined"]);
  });

  it("is kept nowhere without an update", async () => {
    desk.close();
    await fail("TEST_FAILURE");
    assert.deepEqual([receivers(), fs.readdirSync(root)], [[], []]);
  });
});

describe("The order of a report", () => {
  it("has empty texts for who is not to be told, and is none where nothing is built", () => {
    const notify = {
      slackWebhook: undefined,
      smtpServer: "",
      smtpUsername: "",
      smtpPassword: undefined,
      mailFrom: "",
      mailTo: [],
      pagerdutyKey: undefined,
      pagerdutyUrl: "https://events.pagerduty.com/v2/enqueue",
    };
    const build = { revision: { id: "1" }, contentHash: "2" } as never;
    const [secret] = Object.values(reportSecrets({ notify }, { build }, { stack: "odoo/staging", now }));
    const { receivers } = JSON.parse(secret?.reveal() ?? "{}") as { receivers: Receivers };
    assert.deepEqual([receivers.slackWebhook, receivers.mail.server, receivers.pagerduty.key], ["", "", ""]);
    assert.deepEqual(reportSecrets({ notify }, { build: undefined }, { stack: "odoo/staging", now }), {});
  });
});
