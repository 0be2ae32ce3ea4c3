import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/**
 * Makes a password once and keeps it in the state, encrypted, with one of each kind of character that the usual
 * policies ask for. A change of how it is made makes no new one.
 */
export function password(name: string, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return made(name, {}, opts);
}

/**
 * Replaces a password that nobody needs any more by nothing, in the state as well. The resource stays, since it may be
 * protected.
 */
export function spentPassword(name: string, opts: pulumi.CustomResourceOptions): void {
  made(name, { create: "true", update: "true" }, opts);
}

function made(
  name: string,
  changes: Partial<command.local.CommandArgs>,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const { stdout } = new command.local.Command(
    name,
    {
      create: "node -e \"process.stdout.write(require('node:crypto').randomBytes(24).toString('base64url') + '-aA1')\"",
      logging: command.local.Logging.None,
      ...changes,
    },
    { ...opts, additionalSecretOutputs: ["stdout"], ignoreChanges: ["create", "logging"] },
  );
  return pulumi.secret(stdout);
}

/**
 * Declares a Secret with files. Without a fixed name it gets one that changes with its content, so that pods that mount
 * it are made anew.
 * @param files text by file name
 */
export function secretOf(
  name: string,
  {
    namespace,
    files,
    fixedName,
  }: { namespace: pulumi.Input<string>; files: Record<string, pulumi.Input<string>>; fixedName?: string },
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.Secret {
  const data = Object.fromEntries(
    Object.entries(files).map(([file, text]) => [file, pulumi.secret(text).apply(base64)]),
  );
  return new kubernetes.core.v1.Secret(
    name,
    { metadata: { namespace, ...(fixedName === undefined ? {} : { name: fixedName }) }, data },
    opts,
  );
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
