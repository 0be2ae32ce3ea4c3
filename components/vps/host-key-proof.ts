import { createHmac, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { fingerprint } from "./ssh-keys";
import { setupDirectory } from "./droplet-user-data";
import { ShipError } from "../shared/errors";
import { type HostAccess, HostConnection } from "./ssh";

/** Returns what a host that knows the nonce writes about its key; see docs/adr/0004-host-key.md. */
export function hostKeyProof(nonce: string, hostKey: string): string {
  return createHmac("sha256", nonce).update(hostKey).digest("hex");
}

/**
 * Returns the host's key, once the host has proved that it is its own. It waits for a host that boots.
 * @throws ShipError HOST_KEY_MISMATCH for a proof of another key; what else was in the way when the time is over
 */
export async function provenHostKey(
  access: Omit<HostAccess, "hostKey">,
  nonce: string,
  { totalMs, pauseMs }: { readonly totalMs: number; readonly pauseMs: number },
  tell: (line: string) => void,
): Promise<string> {
  const end = Date.now() + totalMs;
  let told = "";
  for (;;) {
    const outcome = await once({ ...access, hostKey: undefined }, nonce);
    if (typeof outcome === "string") {
      return outcome;
    }
    // A host that boots refuses connections, then logins, and then has no proof yet.
    const waitable =
      outcome.code === "HOST_UNREACHABLE" || outcome.code === "HOST_LOGIN_REFUSED" || outcome.code === "HOST_UNFIT";
    if (!waitable || Date.now() >= end) {
      throw outcome;
    }
    if (outcome.failure.found !== told) {
      told = outcome.failure.found;
      tell(`waiting for ${access.host} to boot: ${told}`);
    }
    await sleep(pauseMs);
  }
}

async function once(access: HostAccess, nonce: string): Promise<string | ShipError> {
  let connection: HostConnection | undefined;
  try {
    connection = await HostConnection.connect(access);
    const { stdout } = await connection.exec(`sed -n '1s/^/proof=/p' ${setupDirectory}/proof`);
    return judge(access.host, connection.hostKey, nonce, /^proof=(.*)$/m.exec(stdout)?.[1]?.trim() ?? "");
  } catch (error) {
    if (error instanceof ShipError) {
      return error;
    }
    throw error;
  } finally {
    connection?.end();
  }
}

function judge(host: string, hostKey: string, nonce: string, proof: string): string | ShipError {
  if (proof === "") {
    return new ShipError({
      code: "HOST_UNFIT",
      summary: `the host ${host} has not proved its key`,
      found: "no proof on the host yet",
      expected: `${setupDirectory}/proof, which the host's user data writes at its first boot`,
      remedy:
        "look at /var/log/cloud-init-output.log on the host's console; remove the Droplet so that it is made anew",
    });
  }
  const expected = hostKeyProof(nonce, hostKey);
  if (proof.length === expected.length && timingSafeEqual(Buffer.from(proof), Buffer.from(expected))) {
    return hostKey;
  }
  return new ShipError({
    code: "HOST_KEY_MISMATCH",
    summary: `what answers at ${host} is not the host that was made; nothing was sent there`,
    found: `the key ${fingerprint(hostKey)}, and a proof of another one`,
    expected: "a proof that only the new host can make",
    remedy:
      "somebody else may answer at this address: compare the fingerprint with the Droplet's console (ssh-keygen " +
      "-lf /etc/ssh/ssh_host_ed25519_key.pub)",
  });
}
