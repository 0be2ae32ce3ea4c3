import { at, type Declared, listAt, type Rule, textAt } from "../declared";
import { containersOf, databasePorts } from "../workloads";

/** Refuses ways to PostgreSQL from outside. */
export const publicPostgresql: Rule = {
  name: "public-postgresql",
  refuses: "A PostgreSQL that the internet reaches.",
  because: "its port is tried within minutes, and one password is then all that stands before all data",
  remedy:
    "let in by name what needs it: trusted sources of the managed database, a Service of the type ClusterIP, no " +
    "ports of db in a Compose file; for yourself: an SSH tunnel, or kubectl port-forward",
  check: (resource) => [
    ...trustedSources(resource),
    ...firewall(resource),
    ...service(resource),
    ...containersOf(resource)
      .filter(({ publishesDatabase }) => publishesDatabase)
      .map(({ place }) => `${place}: its port is one of the machine`),
  ],
  // DigitalOcean lets everybody in as long as there is no list of trusted sources.
  checkStack: (resources) => {
    const count = (type: string) => resources.filter((resource) => resource.type === type).length;
    const databases = count("digitalocean:index/databaseCluster:DatabaseCluster");
    const guarded = count(trustedType);
    return databases > guarded ? [`${databases} managed databases, and ${guarded} lists of trusted sources`] : [];
  },
};

const trustedType = "digitalocean:index/databaseFirewall:DatabaseFirewall";

function trustedSources({ type, props }: Declared): string[] {
  if (type !== trustedType || !Array.isArray(at(props, "rules"))) {
    return [];
  }
  const rules = listAt(props, "rules");
  const open = rules.map((rule) => textAt(rule, "value")).filter(isEverybody);
  return rules.length === 0 ? ["no trusted source, which is everybody"] : open.map((source) => `trusts ${source}`);
}

function firewall({ type, props }: Declared): string[] {
  if (type !== "digitalocean:index/firewall:Firewall") {
    return [];
  }
  return listAt(props, "inboundRules")
    .filter((rule) => textAt(rule, "protocol") === "tcp" && covers(textAt(rule, "portRange")))
    .flatMap((rule) => listAt(rule, "sourceAddresses").map(String).filter(isEverybody))
    .map((source) => `lets ${source} in to port 5432`);
}

/** Nobody owns a range as wide as these: two halves of the internet are all of it. */
function isEverybody(range: string): boolean {
  const [, bits = "128"] = range.split("/");
  return Number(bits) < 8 || /^(0\.0\.0\.0|::)$/.test(range);
}

/** `5432`, `5000-6000`; DigitalOcean writes all ports as `all`, `0` or not at all. */
function covers(range: string): boolean {
  const [low = "", high = low] = range.split("-");
  return ["", "0", "all"].includes(range) || (Number(low) <= 5432 && 5432 <= Number(high));
}

function service({ type, props }: Declared): string[] {
  if (!/^kubernetes:core\/v1:Service(Patch)?$/.test(type)) {
    return [];
  }
  const kind = textAt(props, "spec", "type");
  const ways = [
    ...(kind === "LoadBalancer" || kind === "NodePort" ? [`the type ${kind}`] : []),
    ...(listAt(props, "spec", "externalIPs").length > 0 ? ["externalIPs"] : []),
  ];
  const database = listAt(props, "spec", "ports").some((port) =>
    [at(port, "port"), at(port, "targetPort"), at(port, "name")].some((value) => databasePorts.has(value)),
  );
  return database ? ways.map((way) => `a Service at 5432 with ${way}`) : [];
}
