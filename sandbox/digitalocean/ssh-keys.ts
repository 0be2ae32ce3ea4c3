import { createHash } from "node:crypto";
import { z } from "zod";
import { nextId } from "./actions";
import { notFound, unprocessable } from "./errors";
import { page } from "./pages";
import type { Context, Route } from "./router";
import type { State } from "./state";

const types = ["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
const name = z.string({ error: "is required" }).min(1, "can't be blank");
const createBody = z.object({ name, public_key: z.string({ error: "is required" }) });

/** The account's public keys, by number or fingerprint. */
export function sshKeyRoutes({ store }: Context): readonly Route[] {
  return [
    { method: "GET", path: "/v2/account/keys", handle: (call) => page(call, "ssh_keys", store.state.sshKeys) },
    {
      method: "POST",
      path: "/v2/account/keys",
      handle: (call) => {
        const wanted = call.body(createBody);
        const fingerprint = fingerprintOf(wanted.public_key);
        const ssh_key = store.update((draft) => {
          if (draft.sshKeys.some((key) => key.fingerprint === fingerprint)) {
            throw unprocessable("SSH Key is already in use on your account");
          }
          const key = { id: nextId(draft), fingerprint, ...wanted };
          draft.sshKeys.push(key);
          return key;
        });
        return { status: 201, body: { ssh_key } };
      },
    },
    {
      method: "GET",
      path: "/v2/account/keys/:key",
      handle: (call) => ({ status: 200, body: { ssh_key: find(store.state, call.param("key")) } }),
    },
    {
      method: "PUT",
      path: "/v2/account/keys/:key",
      handle: (call) => {
        const change = call.body(z.object({ name }));
        const ssh_key = store.update((draft) => Object.assign(find(draft, call.param("key")), change));
        return { status: 200, body: { ssh_key } };
      },
    },
    {
      method: "DELETE",
      path: "/v2/account/keys/:key",
      handle: (call) => {
        store.update((draft) => {
          const key = find(draft, call.param("key"));
          draft.sshKeys = draft.sshKeys.filter((other) => other !== key);
        });
        return { status: 204 };
      },
    },
  ];
}

/** A key by its number or fingerprint; `undefined` when there is none. */
export function findKey(state: Readonly<State>, wanted: string) {
  return state.sshKeys.find(({ id, fingerprint }) => String(id) === wanted || fingerprint === wanted);
}

function find(state: Readonly<State>, wanted: string) {
  const found = findKey(state, wanted);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

/** MD5 of the key's own bytes, which name their type once more. */
function fingerprintOf(publicKey: string): string {
  const [type = "", encoded = ""] = publicKey.trim().split(/\s+/);
  const bytes = Buffer.from(encoded, "base64");
  const named = bytes.length > 4 ? bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString("latin1") : "";
  if (!types.includes(type) || named !== type || publicKey.trim().includes("\n")) {
    throw unprocessable(`Key invalid, key type must be one of the following: ${types.join(", ")}`);
  }
  return createHash("md5")
    .update(bytes)
    .digest("hex")
    .replace(/..(?!$)/g, "$&:");
}
