import type { Address } from "../endpoint";
import { bucket } from "./bucket";
import type { Installation } from "./installation";
import type { Step } from "./machine";

/** How a release is tried: on a copy of the database first, which no way leads out of, or with what it needs of others. */
export type Way = "rehearsed" | "with its bucket";

/** What is done while a release stands still where these steps begin, in their order. */
export type Held = Readonly<Partial<Record<Step, () => Promise<unknown>>>>;

/** A place on which what people bring is tried: a host, a cluster. All else is the same on both. */
export interface BroughtTarget extends Installation {
  /** Where users reach it. */
  address(): Promise<Address>;
  /**
   * Releases an image, `repository@sha256:…`, as an update does.
   * @returns seconds that it took
   * @throws if it did not succeed, or never came to a step that `at` names
   */
  deploy(image: string, way: Way, at: Held): Promise<number>;
  /** `sha256:…` of each of Odoo's containers that is there to stay; of one that is not ready, that. */
  digests(): Promise<string[]>;
  /** What the last release has said of the modules that it upgrades: `maintenance: upgrades a, b`. */
  upgrades(): Promise<string>;
  /** Has the server of Odoo start anew. */
  restart(): Promise<void>;
  /** Goes back to the newest restore point that belongs to this digest. */
  rollBackWithData(digest: string): Promise<void>;
  /** For a test that failed. */
  story(): Promise<string>;
  remove(): Promise<void>;
}

/** What a team sets for job runners, of Odoo's other options, and of PostgreSQL. */
export const broughtConfig = {
  "odoo:options": {
    server_wide_modules: "base,rpc,web,queue_job,own_runner",
    "queue_job.channels": "root:2",
    limit_time_real: 611,
  },
  "odoo:extensions": ["citext"],
} as const;
/** Options that it keeps secret. */
export const broughtSecrets = { smtp_password: "planted-smtp-password" } as const;

/** What a team sets for attachments in an object store: a copy would write to the same bucket. */
export const settingsOf: Readonly<Record<Way, Readonly<Record<string, unknown>>>> = {
  rehearsed: { "release:rehearse": true, "release:egress": [] },
  "with its bucket": { "release:rehearse": false, "release:egress": [bucket.wayOut] },
};
