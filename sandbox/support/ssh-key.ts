import ssh2 from "ssh2";

/** A new Ed25519 key pair in OpenSSH's format. */
export function sshKeyPair(comment = ""): { readonly privateKey: string; readonly publicKey: string } {
  for (;;) {
    const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    // One in 256 has a public half that begins with a zero byte, which ssh2 leaves out: nobody can read that key.
    if (!(ssh2.utils.parseKey(privateKey) instanceof Error)) return { privateKey, publicKey };
  }
}
