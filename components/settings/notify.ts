import { z } from "zod";

import { isSafeAddress } from "../shared/http";
import { key, matching, secretText } from "./key";

const address = /^[^\s<>@,"]+@[^\s<>@,"]+$/;

/** A secret that is the address of a service. */
const safeAddress = z.string().refine((text) => isSafeAddress(text), "is not an address over HTTPS");

/** Settings of the messages about failed gates and failed updates. */
export const notifyKeys = {
  "notify:slackWebhook": key(
    "text",
    safeAddress.or(z.literal("")).default(""),
    "a secret",
    "Incoming webhook of Slack that is told of every failure, in `#devops-alerts`. Empty: none.",
    true,
  ),
  "notify:smtpServer": key(
    "text",
    matching(/^[a-z0-9.-]+:\d{1,5}$/, "is not host:port"),
    "host:port, or empty",
    "Mail server for critical failures. Port 465 speaks TLS at once, any other by STARTTLS. Empty: no mail.",
  ),
  "notify:smtpUsername": key("text", z.string().default(""), "text", "User at the mail server; empty: no login."),
  "notify:smtpPassword": key("text", secretText, "a secret", "Password of that user.", true),
  "notify:mailFrom": key("text", matching(address, "is not a mail address"), "a mail address", "Sender of the mails."),
  "notify:mailTo": key(
    "data",
    z.array(z.string().regex(address, "is not a mail address")).default([]),
    "list of mail addresses",
    "Who gets a mail of a critical failure.",
  ),
  "notify:pagerdutyKey": key(
    "text",
    secretText,
    "a secret",
    "Integration key (Events API v2) of the PagerDuty service that is told of critical findings of security. " +
      "Empty: none.",
    true,
  ),
  "notify:pagerdutyUrl": key(
    "text",
    safeAddress.default("https://events.pagerduty.com/v2/enqueue"),
    "an address over HTTPS",
    "Where PagerDuty takes events; accounts in Europe have `https://events.eu.pagerduty.com/v2/enqueue`.",
  ),
} as const;
