import * as pulumi from "@pulumi/pulumi";

interface Resources {
  readonly outputs?: Readonly<Record<string, { readonly type?: unknown; readonly outputs?: { repoDigest?: unknown } }>>;
}

/**
 * Asks the engine for the digests (`sha256:…`) of the images that this stack has pushed itself, as its state says. Also
 * an update that failed, or was killed, leaves there what it had pushed by then.
 * @returns none for a stack whose state cannot be read
 */
export async function pushedImages(): Promise<ReadonlySet<string>> {
  try {
    const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
    const { outputs = {} } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {
      stackName,
    })) as Resources;
    const pushed = Object.values(outputs).map((one) =>
      one.type === "docker:index/image:Image" ? one.outputs?.repoDigest : undefined,
    );
    return new Set(pushed.flatMap((one) => (typeof one === "string" ? [one.split("@").at(-1) ?? ""] : [])));
  } catch {
    return new Set();
  }
}
