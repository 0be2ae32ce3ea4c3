import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { PulumiStack } from "../../releases/stack";
import { toldUpdate } from "../../releases/told-update";
import { MailServer } from "../support/mail-server";
import { MadeUpStack } from "../support/made-up-stack";
import { findIn } from "../support/secret-search";
import { WebReceiver } from "../support/web-receiver";
import { eventsOf, failedCommand, urns } from "../support/update-events";

const secrets = {
  slack: "T000/B000/slack-path-of-the-webhook",
  smtp: "password-of-the-mail-server",
  pagerduty: "integration-key-of-pagerduty",
  registry: "password-of-the-registry",
};
const secretKeys = ["registry:password", "notify:slackWebhook", "notify:smtpPassword", "notify:pagerdutyKey"];
const quoting = `DEPLOY_FAILED: it quotes ${Object.values(secrets).join(" ")}`;
const failure = eventsOf({ urn: urns.deployment, message: failedCommand("vps-odoo-release", quoting) });

describe("An update that fails", () => {
  const usualPath = process.env["PATH"];
  let home: string;
  let mail: MailServer;
  let web: WebReceiver;
  let warned: string[];

  beforeEach(async () => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "told-update-"));
    warned = [];
    mail = await MailServer.start();
    web = await WebReceiver.start();
    process.env["PATH"] = `${home}:${usualPath}`;
    configure();
    pulumi(failure);
  });
  afterEach(async () => {
    process.env["PATH"] = usualPath;
    await Promise.all([mail.close(), web.close()]);
    fs.rmSync(home, { recursive: true });
  });

  /** What `pulumi config --json --show-secrets` prints. */
  function configure(changes: Readonly<Record<string, string>> = {}): void {
    const at = web.url;
    const config: Record<string, string> = {
      ...new MadeUpStack().settings,
      "registry:password": secrets.registry,
      "notify:slackWebhook": `${at}/${secrets.slack}`,
      "notify:smtpServer": mail.address,
      "notify:smtpUsername": "ship",
      "notify:smtpPassword": secrets.smtp,
      "notify:mailFrom": "odoo@example.com",
      "notify:mailTo": '["ops@example.com"]',
      "notify:pagerdutyKey": secrets.pagerduty,
      "notify:pagerdutyUrl": `${at}/v2/enqueue`,
      ...changes,
    };
    const printed = Object.entries(config).map(([key, value]) => [key, { value, secret: secretKeys.includes(key) }]);
    fs.writeFileSync(path.join(home, "config"), JSON.stringify(Object.fromEntries(printed)));
  }

  /** A Pulumi that notes how an update is called, leaves these events, and ends with this exit status. */
  function pulumi(events: string | undefined, ends = 7): void {
    if (events !== undefined) fs.writeFileSync(path.join(home, "events"), events);
    const program = [
      "#!/bin/sh",
      `if [ "$1" = config ]; then exec cat ${home}/config; fi`,
      `echo "$ODOO_SHIP_ASK_AGAIN $PULUMI_DEBUG_COMMANDS $*" >> ${home}/calls`,
      "for log; do :; done",
      ...(events === undefined ? [] : [`cp ${home}/events "$log"`]),
      `exit ${ends}`,
    ];
    fs.writeFileSync(path.join(home, "pulumi"), program.join("\n"), { mode: 0o755 });
  }

  const update = () => toldUpdate(home, new PulumiStack("staging", home), ["up", "--yes"], (line) => warned.push(line));
  const told = () => [
    ...web.posted.map(({ path: place }) => (place === "/v2/enqueue" ? "pagerduty" : "slack")),
    ...(mail.said.includes("DATA") ? ["mail"] : []),
  ];

  it("is told once to whom its severity asks for, and ends as Pulumi does", async () => {
    assert.equal(await new PulumiStack("staging", home).up(["--policy-pack", "policy"]), 7);
    assert.deepEqual(told().sort(), ["mail", "slack"]);
    const [first = ""] = String(web.posted[0]?.body["text"]).split("\n");
    assert.equal(first, ":x: *DEPLOY_FAILED (critical): the update failed at vps-odoo-release*");
    assert.ok(mail.said.includes("Subject: [odoo/staging] DEPLOY_FAILED"));
    const call = /^1 true up --yes --policy-pack policy --stack staging .*--event-log (\S+)\n$/;
    const [, log = ""] = call.exec(fs.readFileSync(path.join(home, "calls"), "utf8")) ?? [];
    assert.ok(log !== "" && !fs.existsSync(path.dirname(log)), "the events are gone");
  });

  it("pages somebody where it is about security", async () => {
    pulumi(eventsOf({ urn: urns.proof, message: failedCommand("gates-proof", "SIGNATURE_INVALID: another key") }));
    assert.equal(await update(), 7);
    assert.deepEqual(told().sort(), ["mail", "pagerduty", "slack"]);
    assert.equal(
      web.posted.find(({ path: place }) => place === "/v2/enqueue")?.body["dedup_key"],
      "odoo/staging/SIGNATURE_INVALID",
    );
  });

  it("is not told of a gate a second time, nor where it has not begun, nor where it came to its end", async () => {
    pulumi(eventsOf({ urn: urns.gate, message: failedCommand("gates-image", "IMAGE_SIZE_EXCEEDED: it is large") }));
    assert.equal(await update(), 7);
    fs.rmSync(path.join(home, "events"));
    pulumi(undefined, 255);
    assert.equal(await update(), 255);
    pulumi(failure, 0);
    assert.equal(await update(), 0);
    assert.deepEqual([told(), warned], [[], []]);
  });

  it("takes no secret into a message or a line, and keeps its exit status where nobody can be told", async () => {
    web.status = 403;
    configure({ "notify:smtpServer": "127.0.0.1:1" });
    assert.equal(await update(), 7);
    assert.equal(warned.length, 2);
    assert.match(warned.join("\n"), /warning: Slack was not told: it answered 403\n/);
    assert.match(warned.join("\n"), /warning: mail was not told: [^\n]*ECONNREFUSED/);
    configure();
    assert.equal(await update(), 7);
    const messages = web.posted.map(({ body }) => JSON.stringify(body)).join("\n");
    const found = findIn({ messages, mail: mail.text, warned: warned.join("\n") }, secrets);
    assert.ok(messages !== "" && mail.text !== "");
    assert.deepEqual(Object.values(found).flat(), []);
    // The search finds one that is there.
    assert.deepEqual(findIn({ place: `a ${secrets.smtp}` }, secrets), { place: ["smtp"] });
  });

  it("says that nobody was told where the settings cannot be read", async () => {
    configure({ "odoo:environment": "elsewhere" });
    assert.equal(await update(), 7);
    fs.writeFileSync(path.join(home, "config"), "no JSON");
    assert.equal(await update(), 7);
    assert.deepEqual(told(), []);
    assert.match(warned[0] ?? "", /^warning: nobody was told of the failure: SETTINGS_INVALID: [^\n]*$/);
    assert.match(warned[1] ?? "", /^warning: nobody was told of the failure: [^\n]+$/);
  });

  it("is told to nobody where nobody is named", async () => {
    configure({ "notify:slackWebhook": "", "notify:smtpServer": "", "notify:pagerdutyKey": "" });
    assert.equal(await update(), 7);
    assert.deepEqual([told(), warned], [[], []]);
  });
});
