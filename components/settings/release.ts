import { z } from "zod";

import { hostKey, waysOut } from "./addresses";
import { digestText, key, matching, secretText, whole } from "./key";

/** Settings of a release: how a new digest becomes the one that serves. */
export const releaseKeys = {
  "release:additive": key(
    "data",
    z.boolean().default(false),
    "`true` or `false`",
    "Declares that the old code also works on the upgraded database, so that Odoo is not closed meanwhile. Set " +
      "it for one release only.",
  ),
  "release:rehearse": key(
    "data",
    z.boolean().default(true),
    "`true` or `false`",
    "Whether a release is tried on a neutralised copy of the database first, while the previous one serves.",
  ),
  "release:upgradeMinutes": key(
    "data",
    whole(1, 1440).default(60),
    "minutes, 1 to 1440",
    "How long the upgrade of the modules may take before it is stopped and rolled back.",
  ),
  "release:readySeconds": key(
    "data",
    whole(10, 3600).default(120),
    "seconds, 10 to 3600",
    "How long a started Odoo may take to answer its login page.",
  ),
  "release:egress": key(
    "data",
    waysOut.default([]),
    'list such as ["203.0.113.0/24:443"]',
    "Where a release's own programs may connect to beside PostgreSQL, while they upgrade and try the database: an " +
      "object store that has the attachments. Range and port; never private addresses, unless the range lies within " +
      "them. `release:rehearse` must be `false` beside it.",
  ),
  "release:restore": key(
    "text",
    matching(/^\d{8}t\d{6}z$/, "is no restore point's name"),
    "a restore point, or empty",
    "Rolls the data back to this restore point, together with `image:digest` of the release that they belong to. " +
      "What was written since is kept as a " +
      "new point. Carried out once: remove it afterwards.",
  ),
  "release:unstaged": key(
    "text",
    digestText,
    "`sha256:…`, or empty",
    "Digest of a release that production takes on your own word, though no tag says that staging has run it. A " +
      "rollback or a promotion sets it where it knows better than the tags. It counts for this digest alone.",
  ),
  "release:keepPoints": key(
    "data",
    whole(1, 50).default(5),
    "1 to 50",
    "How many restore points stay on the host. Each takes the disk space of the database, and of the files that " +
      "were changed since.",
  ),
} as const;

/** Settings of the nightly dump that leaves the host. */
export const backupKeys = {
  "backup:destination": key(
    "text",
    matching(
      /^ssh:\/\/[a-z_][a-z0-9_-]*@([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?\/[\w./-]*$/,
      "is not ssh://user@host[:port]/directory",
    ),
    "`ssh://user@host[:port]/directory`, or empty",
    "Where the nightly dump of database and filestore goes. Empty: there is none, and each update warns of it.",
  ),
  "backup:hostKey": key(
    "text",
    hostKey,
    "`ssh-ed25519 AAAA…`",
    "The destination's SSH host key, as `ssh-keyscan` prints it without the name.",
  ),
  "backup:privateKey": key(
    "text",
    secretText,
    "a secret",
    "Private SSH key that may write there, without a passphrase.",
    true,
  ),
  "backup:keep": key("data", whole(1, 1000).default(14), "1 to 1000", "How many dumps stay at the destination."),
} as const;
