import { createHash } from "node:crypto";

import type { TargetHistory, TargetReport } from "../../components/odoo/history";
import { bundleType } from "../../components/signature/bundle";
import type { BakedModules, ImageReader } from "../../releases/images";
import type { Places } from "../../releases/sources";
import type { Stack } from "../../releases/stack";

/** A digest of one hexadecimal digit. */
export const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
/** The release that serves, and the one that it came after. */
export const [older, newer] = [digestOf("a"), digestOf("b")];
export const pointOfOlder = "20261121t120000z";

/** A history in which `newer` came after `older`, and changed no installed module. */
export function historyOf(changes: Partial<TargetHistory> = {}): TargetHistory {
  const noted = { since: "2026-11-21T12:00:00Z", left: null, door: null, changed: [], added: [] };
  return {
    live: { digest: newer, since: noted.since, restored: null },
    lineage: [older, newer],
    installed: ["base", "sale"],
    problem: "",
    releases: [
      { ...noted, digest: newer, before: older, door: 12.4 },
      { ...noted, digest: older, before: null, since: "2026-11-20T12:00:00Z", left: noted.since },
    ],
    points: [{ id: pointOfOlder, digest: older, at: "2026-11-21T12:00:00Z", bytes: 7e6, minutes: 90, rows: 1234 }],
    ...changes,
  };
}

/** The same where `newer` has upgraded `sale`. */
export function movedHistory(): TargetHistory {
  const history = historyOf();
  return {
    ...history,
    releases: history.releases.map((one) => (one.digest === older ? { ...one, changed: ["sale"] } : one)),
  };
}

export function reportOf(history: TargetHistory | undefined, problem = "", target = "vps"): TargetReport {
  return { target, history, problem };
}

export interface MadeUpImage {
  readonly digest: string;
  readonly tags?: readonly string[];
  readonly created?: string;
  readonly base?: string;
  readonly modules?: BakedModules;
  /** Commit; the digest's digits if not given. */
  readonly commit?: string;
  /** Signed statements that hang on it, as bundles. */
  readonly statements?: readonly string[];
  /** Digits of the content hash, 64 of the same; none if not given. */
  readonly content?: string;
}

/** A registry with these images. */
export function madeUpRegistry(...images: readonly MadeUpImage[]): ImageReader {
  const named = (reference: string) =>
    images.find(({ digest, tags = [] }) => digest === reference || tags.includes(reference));
  const statementOf = (digest: string) =>
    images.flatMap(({ statements = [] }) => statements).find((one) => sha256(one) === digest);
  return {
    repository: "registry.example.com/team/odoo",
    digestOf: (reference) => Promise.resolve(named(reference)?.digest),
    tags: () => Promise.resolve(images.flatMap(({ tags = [] }) => tags)),
    imageOf: (reference) => {
      const found = named(reference);
      const { digest = "", created = "", base = "base", modules, content = "" } = found ?? {};
      const commit = found?.commit ?? digest.slice("sha256:".length, "sha256:".length + 40);
      const labels = {
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.base.digest": base,
        "org.opencontainers.image.revision": commit,
        "io.odoo.content-hash": content.repeat(64),
        ...(modules && { "io.odoo.modules": JSON.stringify(modules) }),
      };
      return Promise.resolve(found && { digest, labels });
    },
    referrers: (digest) => {
      const manifests = named(digest)?.statements?.map((text) => ({ digest: sha256(text) }));
      return Promise.resolve(manifests && JSON.stringify({ manifests }));
    },
    content: (target) => {
      const [kind, digest = ""] = target.split("/");
      const text = statementOf(digest);
      const layers = [{ digest, size: text?.length, mediaType: bundleType }];
      return Promise.resolve(kind === "blobs" ? text : text && JSON.stringify({ layers }));
    },
    hasBlob: (digest) => Promise.resolve(statementOf(digest) !== undefined),
  };
}

function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** `sale` of the two releases. */
export const [saleOld, saleNew] = ["1", "2"].map((word) => ({ sale: { version: `19.0.1.${word}`, hash: word } }));
export const bothImages = [
  { digest: older, tags: ["sha-aaaaaaaaaaaa-00000001"], created: "2026-11-19T00:00:00Z", modules: saleOld ?? {} },
  { digest: newer, tags: ["sha-bbbbbbbbbbbb-00000002"], created: "2026-11-20T00:00:00Z", modules: saleNew ?? {} },
];

/** A stack in memory, whose update may be told to fail or to be killed. */
export class MadeUpStack implements Stack {
  readonly name: string = "prod";
  readonly settings: Record<string, string> = {
    "odoo:environment": "staging",
    "registry:kind": "generic",
    "registry:host": "registry.example.com",
    "registry:repository": "team/odoo",
    "registry:username": "team",
    "registry:password": "never used",
    "image:digest": newer,
  };
  updated: string | undefined = newer;
  /** What was done, in order. */
  readonly done: string[] = [];
  /** How an update ends. */
  update: () => number = () => {
    this.updated = this.settings["image:digest"];
    return 0;
  };

  config() {
    return Promise.resolve({ config: { ...this.settings }, secretKeys: new Set(["registry:password"]) });
  }

  outputs() {
    return Promise.resolve(this.updated === undefined ? {} : { imageDigest: this.updated });
  }

  set(values: Readonly<Record<string, string>>) {
    Object.assign(this.settings, values);
    this.done.push(`set ${JSON.stringify(values)}`);
    return Promise.resolve();
  }

  unset(key: string) {
    this.settings[key] = "";
    this.done.push(`unset ${key}`);
    return Promise.resolve();
  }

  up(rules: readonly string[]) {
    this.done.push(rules.length > 0 ? "up with the rules" : "up");
    return Promise.resolve().then(() => this.update());
  }
}

/** Places that answer with these reports and this registry. */
export function madeUpPlaces(registry: ImageReader, ...reports: readonly TargetReport[]): Places {
  return { targets: reports.map((report) => () => Promise.resolve(report)), registry: () => registry };
}
