import * as pulumi from "@pulumi/pulumi";

import type { Secret } from "./secret";

/**
 * The value as a resource input; the engine encrypts it in the state. Apart from {@link Secret}, since programs in ops/
 * hold secrets, too, and must not wait for Pulumi's SDK.
 */
export function secretOutput(secret: Secret): pulumi.Output<string> {
  return pulumi.secret(secret.reveal());
}
