import type { Step, Values } from "./workflow";

/** What stands for an action: lines of a shell, and folders of programs that are on the PATH from then on. */
export interface Equivalent {
  readonly lines: string;
  readonly programs?: readonly string[];
}

/** Folders of the programs that actions bring, in the container. */
export interface Brought {
  readonly node: string;
  readonly pulumi: readonly string[] | undefined;
}

/**
 * What an action of GitHub's does, as far as the workflows use it.
 * @throws Error for an action, or an input of it, that is not known here
 */
export function equivalentOf({ name, inputs }: Step, values: Values, brought: Brought): Equivalent {
  switch (name) {
    case "actions/checkout":
      return { lines: checkout(take(inputs, { "persist-credentials": "true", "fetch-depth": "1" }), values) };
    case "actions/setup-node": {
      const { "node-version": version } = take(inputs, { "node-version": "", "package-manager-cache": "true" });
      return { lines: `test "$(node --version)" = 'v${version}'\nnpm --version`, programs: [brought.node] };
    }
    case "pulumi/actions":
      // The sandbox's own has another version where that of Pulumi's makers cannot be had.
      take(inputs, { "pulumi-version": "" });
      if (brought.pulumi === undefined) throw new Error("a job with Pulumi, for which none was given");
      return { lines: "pulumi version", programs: brought.pulumi };
    case "actions/upload-artifact": {
      // GitHub alone keeps it. The file that it would keep has to be there.
      const usual = { name: "", path: "", "include-hidden-files": "false", "if-no-files-found": "warn" };
      const { path, "if-no-files-found": otherwise } = take(inputs, usual);
      return { lines: otherwise === "ignore" ? "true" : `cat -- '${path}'` };
    }
    default:
      throw new Error(`an action that is not known here: ${name}`);
  }
}

/** As the action does it: the commit of the event alone, or with the whole history. */
function checkout({ "fetch-depth": depth }: Readonly<Record<string, string>>, values: Values): string {
  const ref = String(values["github.ref"]);
  const [, branch] = /^refs\/heads\/(.*)/.exec(ref) ?? [];
  const local = branch === undefined ? ref.replace("refs/", "refs/remotes/") : `refs/remotes/origin/${branch}`;
  const history = depth === "0" ? "--tags" : `--no-tags --depth ${depth}`;
  const others = depth === "0" ? "'+refs/heads/*:refs/remotes/origin/*'" : "";
  return [
    "git init --quiet .",
    "git remote add origin file:///repository",
    `git fetch --quiet ${history} origin ${others} '+${ref}:${local}'`,
    `git checkout --quiet --force ${branch === undefined ? "" : `-B ${branch}`} ${local}`,
    "git log -1 --oneline",
  ].join("\n");
}

/** Inputs with the action's defaults; one whose default is empty has to be given. */
function take<Name extends string>(
  inputs: Readonly<Record<string, string>>,
  usual: Readonly<Record<Name, string>>,
): Readonly<Record<Name, string>> {
  const all: Readonly<Record<string, string>> = { ...usual, ...inputs };
  const wrong = Object.keys(all).filter((name) => !Object.hasOwn(usual, name) || all[name] === "");
  if (wrong.length > 0) throw new Error(`inputs that are not known here, or not given: ${wrong.join(", ")}`);
  return all as Readonly<Record<Name, string>>;
}
