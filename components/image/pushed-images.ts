import * as pulumi from "@pulumi/pulumi";

import { pushedDigest } from "../registry/reference";

interface Resources {
  readonly outputs?: Readonly<Record<string, { readonly type?: unknown; readonly outputs?: { repoDigest?: unknown } }>>;
}

/**
 * Asks the engine for the digests (`sha256:…`) of the images that this stack has pushed itself, as its state says.
 * Also an update that failed, or was killed, leaves there what it had pushed by then.
 * @returns none for a stack whose state cannot be read
 */
export async function pushedImages(): Promise<ReadonlySet<string>> {
  try {
    const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
    const { outputs = {} } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {
      stackName,
    })) as Resources;
    const answers = Object.values(outputs).map((one) =>
      one.type === "docker:index/image:Image" ? one.outputs?.repoDigest : undefined,
    );
    // Of an image that was built and not pushed there may be none.
    const pushed = answers.filter((one) => typeof one === "string" && one.includes("@")) as string[];
    return new Set(pushed.map(pushedDigest));
  } catch {
    return new Set();
  }
}
