import type { Settings } from "../../settings";
import { type NamedSecrets, textsOfUpdate } from "../shared/secret-desk";
import { Secret } from "../shared/secret";
import type { ReleasePlan } from "./plan";

/**
 * What the report of the gates says of an update, and who is told of a failure. Gates fetch it from the desk of the
 * update: as a resource's input it would run them again whenever somebody else is to be told.
 */
export interface ReportOrder {
  /** `project/stack` */
  readonly stack: string;
  /** When the update began, ISO. */
  readonly begun: string;
  readonly commit: string;
  readonly contentHash: string;
  readonly receivers: Receivers;
}

/** Who is told of a failure. An empty text: nobody. */
export interface Receivers {
  readonly slackWebhook: string;
  readonly mail: MailReceiver;
  readonly pagerduty: { readonly key: string; readonly url: string };
}

export interface MailReceiver {
  /** `host:port` */
  readonly server: string;
  readonly username: string;
  readonly password: string;
  readonly from: string;
  readonly to: readonly string[];
}

const name = "gates:report";

/** Names the order for the stack's desk; none if nothing is built, since no gate runs then. */
export function reportSecrets(
  { notify }: Pick<Settings, "notify">,
  { build }: Pick<ReleasePlan, "build">,
  { stack, now }: { stack: string; now: Date },
): NamedSecrets {
  if (build === undefined) return {};
  const order: ReportOrder = {
    stack,
    begun: now.toISOString(),
    commit: build.revision.id,
    contentHash: build.contentHash,
    receivers: receiversOf(notify),
  };
  return { [name]: new Secret(JSON.stringify(order)) };
}

export function receiversOf(notify: Settings["notify"]): Receivers {
  return {
    slackWebhook: notify.slackWebhook?.reveal() ?? "",
    mail: {
      server: notify.smtpServer,
      username: notify.smtpUsername,
      password: notify.smtpPassword?.reveal() ?? "",
      from: notify.mailFrom,
      to: notify.mailTo,
    },
    pagerduty: { key: notify.pagerdutyKey?.reveal() ?? "", url: notify.pagerdutyUrl },
  };
}

/** Texts that nobody but the receivers themselves may read. */
export function secretsOf({ slackWebhook, mail, pagerduty }: Receivers): string[] {
  // Whoever knows the path of the webhook alone can use it.
  const path = URL.parse(slackWebhook)?.pathname.slice(1) ?? "";
  return [slackWebhook, path, mail.password, pagerduty.key];
}

/** The order, and every secret that the update has, so that none is written down by chance. */
export interface FetchedOrder {
  readonly order: ReportOrder;
  readonly secrets: readonly string[];
}

/** Fetches the order from the update that runs; undefined without one, as for a gate that is run by hand. */
export async function fetchReportOrder(stack: string): Promise<FetchedOrder | undefined> {
  const { [name]: text, ...others } = await textsOfUpdate(stack);
  if (text === undefined) return undefined;
  const order = JSON.parse(text) as ReportOrder;
  return { order, secrets: [...Object.values(others), ...secretsOf(order.receivers)] };
}
