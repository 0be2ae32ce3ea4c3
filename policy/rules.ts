import type { Rule } from "./declared";
import { imageByTag } from "./rules/image-by-tag";
import { limitsAndProbes } from "./rules/limits-and-probes";
import { plainSecrets } from "./rules/plain-secrets";
import { publicPostgresql } from "./rules/public-postgresql";
import { pushCredentials } from "./rules/push-credentials";
import { runsAsRoot } from "./rules/runs-as-root";
import { twoProductionTargets } from "./rules/two-production-targets";
import { unprotectedData } from "./rules/unprotected-data";
import { writableRoot } from "./rules/writable-root";

/** Every rule of the pack; docs/policy.md has a row for each. */
export const rules: readonly Rule[] = [
  imageByTag,
  runsAsRoot,
  writableRoot,
  limitsAndProbes,
  plainSecrets,
  publicPostgresql,
  pushCredentials,
  unprotectedData,
  twoProductionTargets,
];
