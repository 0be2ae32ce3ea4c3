import type { Receivers } from "../../components/release/report-order";
import { request } from "../../components/shared/http";
import { type Alert, linesOf } from "./alert";
import { sendMail } from "./mail";

const patience = { requestMs: 10_000, totalMs: 20_000 };

/** Channel of the alerts. An incoming webhook of today has its own, and takes no other. */
const channel = "#devops-alerts";

/**
 * Tells of a failure: Slack of each, by mail of a critical one, PagerDuty of a critical one about security.
 * @returns a sentence for each receiver that could not be told
 */
export async function tell({ slackWebhook, mail, pagerduty }: Receivers, alert: Alert): Promise<string[]> {
  const told: [name: string, wanted: boolean, send: () => Promise<void>][] = [
    ["Slack", slackWebhook !== "", () => post(slackWebhook, "the message to Slack", slackMessage(alert))],
    [
      "mail",
      mail.server !== "" && alert.severity === "critical",
      () => sendMail(mail, { subject: `[${alert.stack}] ${alert.code}`, text: linesOf(alert).join("\n") }),
    ],
    [
      "PagerDuty",
      pagerduty.key !== "" && alert.page,
      () => post(pagerduty.url, "the event to PagerDuty", pagerdutyEvent(pagerduty.key, alert)),
    ],
  ];
  const wanted = told.filter(([, wants]) => wants);
  const ends = await Promise.allSettled(wanted.map(([, , send]) => send()));
  return ends.flatMap((end, at) =>
    end.status === "fulfilled" ? [] : [`${wanted[at]?.[0] ?? ""} was not told: ${wordsOf(end.reason)}`],
  );
}

async function post(url: string, what: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const { status } = await request(what, url, { method: "POST", headers, body: JSON.stringify(body) }, patience);
  if (status < 200 || status > 299) throw new Error(`it answered ${status}`);
}

function slackMessage(alert: Alert): object {
  const [first = "", ...others] = linesOf(alert).map(forSlack);
  return { channel, text: [`:x: *${first}*`, ...others].join("\n") };
}

/** Slack's own signs, so that no text becomes a link or a mention. */
function forSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** An event of the Events API v2. One that is open already takes the next of its kind. */
function pagerdutyEvent(key: string, alert: Alert): object {
  const { stack, at, code, summary, details } = alert;
  return {
    routing_key: key,
    event_action: "trigger",
    dedup_key: `${stack}/${code}`,
    payload: {
      summary: `${stack}: ${code}: ${summary}`.slice(0, 1024),
      source: stack,
      severity: "critical",
      component: at,
      class: code,
      custom_details: details,
    },
  };
}

function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, "; ");
}
