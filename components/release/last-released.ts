import * as pulumi from "@pulumi/pulumi";

/**
 * Asks the engine for the digest that this stack has released last, as its state says.
 * @returns undefined for a stack that has none, or whose state cannot be read
 */
export async function lastReleased(): Promise<string | undefined> {
  const name = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  try {
    const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as {
      outputs?: { imageDigest?: unknown };
    };
    const digest = outputs?.imageDigest;
    return typeof digest === "string" ? digest : undefined;
  } catch {
    return undefined;
  }
}
