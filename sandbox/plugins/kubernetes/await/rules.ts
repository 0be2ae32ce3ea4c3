import type { Kind } from "../kinds";
import { daemonSet } from "./daemon-set";
import { deployment } from "./deployment";
import { job } from "./job";
import { isFor, type Rule } from "./rule";
import { service } from "./service";
import { claim, ingress, pod, quota, tokenSecret, volume } from "./simple";
import { statefulSet } from "./stateful-set";

const rules: readonly Rule[] = [
  claim,
  daemonSet,
  deployment,
  ingress,
  job,
  pod,
  quota,
  service,
  statefulSet,
  tokenSecret,
  volume,
];

/** When objects of a kind are ready; `undefined` for a kind that is ready as soon as it exists. */
export function ruleFor(kind: Kind): Rule | undefined {
  return rules.find((rule) => isFor(rule, kind));
}
