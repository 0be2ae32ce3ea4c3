import { randomUUID } from "node:crypto";
import * as net from "node:net";
import * as tls from "node:tls";

import type { MailReceiver } from "../../components/release/report-order";
import { isLoopback } from "../../components/shared/http";
import { SmtpTalk } from "./smtp-talk";

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

export interface MailOptions {
  readonly limitMs?: number;
  /** Authority of the server's certificate, PEM, in the place of the usual ones. */
  readonly ca?: string;
}

/**
 * Hands a mail to a server by SMTP: encrypted always, except on this machine itself. The password goes nowhere else.
 * @throws Error
 */
export async function sendMail(receiver: MailReceiver, mail: Mail, options: MailOptions = {}): Promise<void> {
  const { limitMs = 20_000, ca } = options;
  const [host = "", port = ""] = receiver.server.split(":");
  const secured = { host, ...(net.isIP(host) === 0 && { servername: host }), ...(ca !== undefined && { ca }) };
  const atOnce = port === "465";
  const socket = atOnce ? tls.connect({ ...secured, port: 465 }) : net.connect(Number(port), host);
  const talk = new SmtpTalk(socket, limitMs);
  try {
    await talk.answer("220");
    let offered = await talk.say("EHLO localhost", "250");
    if (!atOnce && /^STARTTLS\b/im.test(offered)) {
      await talk.say("STARTTLS", "220");
      await talk.secure(secured);
      offered = await talk.say("EHLO localhost", "250");
    } else if (!atOnce && !isLoopback(host)) {
      throw new Error("it offers no STARTTLS");
    }
    await logIn(talk, receiver, offered);
    await deliver(talk, receiver, mail);
  } finally {
    talk.end();
  }
}

async function logIn(talk: SmtpTalk, { username, password }: MailReceiver, offered: string): Promise<void> {
  if (username === "") return;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  if (/^AUTH\b.*\bPLAIN\b/im.test(offered)) {
    await talk.say(`AUTH PLAIN ${base64(`\0${username}\0${password}`)}`, "235");
  } else {
    await talk.say("AUTH LOGIN", "334");
    await talk.say(base64(username), "334");
    await talk.say(base64(password), "235");
  }
}

async function deliver(talk: SmtpTalk, { from, to }: MailReceiver, mail: Mail): Promise<void> {
  await talk.say(`MAIL FROM:<${from}>`, "250");
  for (const one of to) await talk.say(`RCPT TO:<${one}>`, "25");
  await talk.say("DATA", "354");
  await talk.say([...written(from, to, mail), "."].join("\r\n"), "250");
}

/** The mail with its headers. Base64 has neither long lines nor lines that begin with a point. */
function written(from: string, to: readonly string[], { subject, text }: Mail): string[] {
  const base64 = Buffer.from(text).toString("base64");
  return [
    `From: <${from}>`,
    `To: ${to.map((one) => `<${one}>`).join(", ")}`,
    `Subject: ${subject.replaceAll(/[^\x20-\x7e]/g, "?")}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomUUID()}@${from.split("@").at(1) ?? "localhost"}>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...(base64.match(/.{1,76}/g) ?? []),
  ];
}
