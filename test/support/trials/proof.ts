import { sleep } from "../../../sandbox/process";
import type { Address } from "../endpoint";
import type { Installation } from "./installation";
import { type Attachments, wrongAttachments } from "./population";
import { differences, snapshot } from "./snapshot";
import { type Allowed, Writers } from "./writers";

/** Time that clients write before and after what is tried. */
const settleMs = 1500;

/** A populated Odoo that clients write to. */
export interface Populated {
  readonly odoo: Installation & {
    readonly password: string;
    address(): Promise<Address>;
    waitForLogin(): Promise<void>;
  };
  readonly attachments: Attachments;
  /** What is not as the release that should serve: one line each. */
  wrongRelease(): Promise<string[]>;
}

/** What a trial was to leave behind. */
export interface Outcome {
  /** @default nothing but a clean release */
  readonly allowed?: Allowed;
  /** Whether a release changed the data, so that they cannot be compared. @default false */
  readonly changed?: boolean;
}

/**
 * Runs `body` while clients write, and answers what is wrong afterwards with the release that should serve, with the data, or with what
 * the clients were told: one line each.
 */
export async function problemsAfter(
  { odoo, attachments, wrongRelease }: Populated,
  body: () => Promise<Outcome>,
): Promise<string[]> {
  const before = await snapshot(odoo);
  const writers = await Writers.start(await odoo.address(), odoo.database, "admin", odoo.password);
  await sleep(settleMs);
  let outcome: Outcome;
  try {
    outcome = await body();
    await odoo.waitForLogin();
    await sleep(settleMs);
  } finally {
    await writers.stop();
  }
  const after = await snapshot(odoo);
  return [
    ...(await wrongRelease()),
    ...(outcome.changed === true ? after.wrongFiles : differences(before, after, true)),
    ...(await wrongAttachments(await odoo.client(), attachments)),
    ...(await writers.verify(odoo, outcome.allowed)).map((problem) => `${problem} (${writers.summary()})`),
  ];
}
