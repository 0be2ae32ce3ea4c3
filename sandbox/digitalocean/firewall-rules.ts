import { isIP } from "node:net";
import { z } from "zod";
import { tagName } from "./tags";

const address = z.string().refine(isAddress, "must be an IP address or a CIDR block such as 203.0.113.0/24");
const unsupported = (what: string) =>
  z
    .array(z.unknown())
    .max(0, `the sandbox has no ${what}`)
    .nullish()
    .transform(() => undefined);

/** Whom a rule names. The sandbox has droplets, and neither load balancers nor clusters. */
const targets = z.strictObject({
  addresses: z.array(address).optional(),
  droplet_ids: z.array(z.int()).optional(),
  tags: z.array(tagName).optional(),
  load_balancer_uids: unsupported("load balancers").optional(),
  kubernetes_ids: unsupported("Kubernetes clusters").optional(),
});
const someone = targets.refine(
  ({ addresses = [], droplet_ids = [], tags = [] }) => addresses.length + droplet_ids.length + tags.length > 0,
  "must name at least one of addresses, droplet_ids, tags",
);

const protocol = z.enum(["tcp", "udp", "icmp"], { error: "must be one of tcp, udp, icmp" });
const ports = z.string().refine(isRange, 'must be a port, a range such as "8000-9000", or "all"').default("");

/** "all" and what ICMP has no need of are told as "0" afterwards. */
const withPorts = <T extends { protocol: string; ports: string }>(rule: T): T => ({
  ...rule,
  ports: rule.protocol === "icmp" || rule.ports === "all" ? "0" : rule.ports,
});
const needsPorts = ({ protocol: of, ports: given }: { protocol: string; ports: string }): boolean =>
  of === "icmp" || given !== "";
const portsMissing = { message: "is required for tcp and udp", path: ["ports"] };

/** A rule for connections that come in. */
export const inboundRule = z
  .strictObject({ protocol, ports, sources: someone })
  .refine(needsPorts, portsMissing)
  .transform(withPorts);
/** A rule for connections that go out. They are kept and not enforced. */
export const outboundRule = z
  .strictObject({ protocol, ports, destinations: someone })
  .refine(needsPorts, portsMissing)
  .transform(withPorts);

function isAddress(text: string): boolean {
  const [ip = "", prefix, ...rest] = text.split("/");
  const version = isIP(ip);
  const bits = version === 4 ? 32 : 128;
  return (
    version !== 0 && rest.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
  );
}

function isRange(text: string): boolean {
  if (["", "0", "all"].includes(text)) {
    return true;
  }
  const [first = 0, last = first] = text.split("-").map(Number);
  return /^\d{1,5}(-\d{1,5})?$/.test(text) && first >= 1 && first <= last && last <= 65535;
}
