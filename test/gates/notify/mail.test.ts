import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { sendMail } from "../../../gates/notify/mail";
import { MailServer, type MailServerOptions } from "../../support/mail-server";

const mail = { subject: "[odoo/staging] TEST_FAILURE", text: "one\n.\ntwö" };
const password = "p-of-the-mail-server";

describe("A mail", () => {
  let server: MailServer;
  const start = async (options?: MailServerOptions) => (server = await MailServer.start(options));
  const receiver = () => ({
    server: server.address,
    username: "ship",
    password,
    from: "odoo@example.com",
    to: ["a@example.com", "b@example.com"],
  });
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  afterEach(() => server.close());

  it("is handed over with a login, to each who is to have it", async () => {
    await start();
    await sendMail(receiver(), mail);
    const commands = server.said.filter((line) => /^(EHLO|AUTH|MAIL|RCPT|DATA|QUIT)/.test(line));
    assert.deepEqual(commands.slice(0, 6), [
      "EHLO localhost",
      `AUTH PLAIN ${base64(`\0ship\0${password}`)}`,
      "MAIL FROM:<odoo@example.com>",
      "RCPT TO:<a@example.com>",
      "RCPT TO:<b@example.com>",
      "DATA",
    ]);
    assert.ok(server.said.includes("Subject: [odoo/staging] TEST_FAILURE"));
    assert.ok(server.said.includes("To: <a@example.com>, <b@example.com>"));
    assert.equal(server.text, mail.text);
  });

  it("logs in the older way where that is offered alone, and not at all without a user", async () => {
    await start({ login: "LOGIN", answers: { [base64("ship")]: "334 UGFzc3dvcmQ6", [base64(password)]: "235 in" } });
    await sendMail(receiver(), mail);
    assert.deepEqual(server.said.slice(1, 4), ["AUTH LOGIN", base64("ship"), base64(password)]);
    await server.close();
    await start();
    await sendMail({ ...receiver(), username: "" }, mail);
    assert.ok(!server.said.some((line) => line.startsWith("AUTH")));
  });

  for (const [what, answers, expected] of [
    ["a login", { AUTH: "535 5.7.8 no such user" }, /it answered: 535 5\.7\.8 no such user/],
    ["somebody", { "RCPT TO:<b": "550 unknown" }, /it answered: 550 unknown/],
    ["the mail", { ".": "554-spam\r\n554 go away" }, /it answered: 554-spam 554 go away/],
  ] as const) {
    it(`fails with the server's own words where it refuses ${what}`, async () => {
      await start({ answers });
      await assert.rejects(sendMail(receiver(), mail), expected);
    });
  }

  it("ends at its limit with a server that says nothing", async () => {
    await start({ answers: { EHLO: "250-but no end of it" } });
    await assert.rejects(sendMail(receiver(), mail, { limitMs: 50 }), /no end within 0\.05 s/);
  });

  describe("to a server with STARTTLS", () => {
    let folder: string;
    let ca: string;
    before(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "mail-"));
      const [key, cert] = [path.join(folder, "key"), path.join(folder, "cert")];
      const made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1";
      execFileSync("openssl", [...made.split(" "), "-keyout", key, "-out", cert], { stdio: "pipe" });
      ca = fs.readFileSync(cert, "utf8");
    });
    after(() => fs.rmSync(folder, { recursive: true }));
    const secured = () => ({ tls: { key: fs.readFileSync(path.join(folder, "key"), "utf8"), cert: ca } });

    it("says nothing but EHLO in plain text", async () => {
      await start(secured());
      await sendMail(receiver(), mail, { ca });
      assert.deepEqual(
        server.said.filter((line) => !line.startsWith("+")),
        ["EHLO localhost", "STARTTLS"],
      );
      assert.ok(server.said.includes("+DATA"));
    });

    it("tells no password to one whose certificate nobody vouches for", async () => {
      await start(secured());
      await assert.rejects(sendMail(receiver(), mail), /self-signed certificate/);
      assert.deepEqual(server.said, ["EHLO localhost", "STARTTLS"]);
    });

    it("stops where somebody in between has slipped in an answer", async () => {
      await start({ ...secured(), answers: { STARTTLS: "220 go\r\n250 slipped in" } });
      await assert.rejects(sendMail(receiver(), mail, { ca }), /in plain text after STARTTLS/);
    });
  });
});
