import { urlHost } from "../components/shared/url-host";
import {
  bound,
  denied,
  type Facts,
  hardened,
  jobsEnded,
  type Judge,
  nodesReady,
  oneCron,
  onlyEdgeOutside,
  printed,
  probed,
  restricted,
  retained,
  webServes,
} from "./judges";

/** What has to be so, and the command that tells whether it is. */
export interface Criterion {
  /** As in docs/DOKS_DEPLOYMENT_SUCCESS_CRITERIA.md. */
  readonly what: string;
  /** The program, and its arguments. kubectl's go after the namespace, and before `-o json`. */
  readonly command: (facts: Facts) => readonly ["kubectl" | "curl", ...string[]];
  readonly judge: Judge;
}

const get =
  (...what: string[]) =>
  (): readonly ["kubectl", ...string[]] => ["kubectl", "get", ...what];
const odooPods = "app in (odoo, odoo-cron)";
const code = ["-sS", "-o", "/dev/null", "--max-time", "20", "-w"] as const;

export const criteria: readonly Criterion[] = [
  { what: "every node is ready", command: get("nodes"), judge: nodesReady },
  {
    what: "the release has ended, and none is under way",
    command: get("jobs", "-l", "app=odoo-upgrade"),
    judge: jobsEnded,
  },
  { what: "enough pods serve, with the released digest", command: get("pods", "-l", "app=odoo"), judge: webServes },
  {
    what: "one pod runs scheduled jobs, with the same digest",
    command: get("pods", "-l", "app=odoo-cron"),
    judge: oneCron,
  },
  { what: "Kubernetes asks Odoo whether it is well", command: get("pods", "-l", "app=odoo"), judge: probed },
  { what: "Odoo's pods have no rights that they do not need", command: get("pods", "-l", odooPods), judge: hardened },
  {
    what: "the namespace refuses a pod with more rights",
    command: ({ namespace }) => ["kubectl", "get", "namespace", namespace],
    judge: restricted,
  },
  { what: "what no policy allows is forbidden in the network", command: get("networkpolicies"), judge: denied },
  { what: "the proxy alone can be reached from outside", command: get("services"), judge: onlyEdgeOutside },
  { what: "database and attachments have their volumes", command: get("pvc"), judge: bound },
  { what: "the disks outlive the cluster's objects", command: get("pv"), judge: retained },
  {
    what: "Odoo answers, with a certificate that browsers trust",
    command: ({ domain }) => ["curl", "-fsS", "--max-time", "20", `https://${urlHost(domain)}/web/health`],
    judge: printed(/^\{"status": ?"pass"\}$/),
  },
  {
    what: "the login page comes, which needs the database",
    command: ({ domain }) => ["curl", ...code, "%{http_code}", `https://${urlHost(domain)}/web/login`],
    judge: printed(/^200$/),
  },
  {
    what: "who comes without TLS is sent to it",
    command: ({ domain }) => ["curl", ...code, "%{http_code} %{redirect_url}", `http://${urlHost(domain)}/`],
    judge: printed(/^30[1278] https:\/\//),
  },
  {
    what: "the database manager is closed",
    command: ({ domain }) => ["curl", ...code, "%{http_code}", `https://${urlHost(domain)}/web/database/manager`],
    judge: printed(/^40[34]$/),
  },
];
