import type { Difference } from "./differences";

/** What users notice of an update: which parts start anew, and whether the database is upgraded. */
export interface Restarts {
  /** One sentence each; empty if nothing restarts. */
  readonly parts: readonly string[];
  /** Whether the host or the database itself is away for a while, beside what a release does. */
  readonly machine: boolean;
}

interface Rule {
  readonly about: (one: Difference) => boolean;
  readonly say: (one: Difference) => string;
  readonly machine?: boolean;
}

const changed = (one: Difference, ...places: string[]) =>
  one.places.some(({ place }) => places.some((name) => place === name || place.startsWith(`${name}.`)));

const rules: readonly Rule[] = [
  {
    about: ({ kind, type }) => kind === "replaced" && /:(Droplet|KubernetesCluster|DatabaseCluster|Volume)$/.test(type),
    say: ({ name }) => `${name} is made anew: look at its data first`,
    machine: true,
  },
  {
    about: (one) => one.kind === "changed" && one.type.endsWith(":Droplet") && changed(one, "size"),
    say: () => "the host is turned off for its new size, with all on it, for some minutes",
    machine: true,
  },
  {
    about: (one) => one.type.endsWith(":DatabaseCluster") && changed(one, "size", "nodeCount", "version"),
    say: () => "the managed database moves to another machine: connections are cut once",
    machine: true,
  },
  {
    about: (one) => one.type.endsWith(":KubernetesCluster") && changed(one, "version"),
    say: () => "the cluster's nodes are replaced, and the pods on them move",
    machine: true,
  },
  {
    // The host takes another worker, and finds that what is asked for is there.
    about: ({ kind, name, places }) =>
      kind === "changed" && name === "vps-odoo-release" && places.some(({ place }) => !place.endsWith("WORKER")),
    say: (one) => `VPS: a release runs${filesOf(one)}`,
  },
  {
    about: ({ kind, type }) => kind !== "removed" && type === "kubernetes:apps/v1:Deployment",
    say: ({ name }) => `cluster: pods of ${name} are replaced`,
  },
  {
    about: ({ kind, type }) => kind !== "removed" && type === "kubernetes:apps/v1:StatefulSet",
    say: ({ name }) => `cluster: ${name} restarts, and Odoo waits for it`,
    machine: true,
  },
];

/**
 * Tells what starts anew.
 * @param image whether another image would run
 * @param targets names of the resources that run it, such as `vps-odoo-release`
 */
export function restartsOf(all: readonly Difference[], image: boolean, targets: readonly string[]): Restarts {
  const found = all.flatMap((one) => rules.filter(({ about }) => about(one)).map((rule) => ({ rule, one })));
  const ofImage = image && targets.length > 0 ? [`Odoo on ${targets.join(" and ")}`] : [];
  const rest = found.filter(({ rule, one }) => rule.machine === true || !image || !ofRelease(one));
  return {
    parts: [...new Set([...ofImage, ...rest.map(({ rule, one }) => rule.say(one))])],
    machine: found.some(({ rule }) => rule.machine === true),
  };
}

/** What starts anew with each other image: it is told as one. */
function ofRelease({ name }: Difference): boolean {
  return /^(vps-odoo-release|doks-odoo-(web|cron))$/.test(name);
}

/** Names the files of the host's project that differ; each has a line `<12 digits> <file>`. */
function filesOf({ places }: Difference): string {
  const list = places.find(({ place }) => place.endsWith("FILES"));
  const lines = (text = "") => new Set(text.split("\n"));
  const [from, to] = [lines(list?.from), lines(list?.to)];
  const names = [...to].filter((line) => !from.has(line)).map((line) => line.replace(/^[0-9a-f]+ /, ""));
  return names.length === 0 ? "" : `: what uses ${names.join(", ")} starts anew`;
}
