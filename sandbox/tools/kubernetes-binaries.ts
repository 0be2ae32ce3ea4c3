import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import type { Ingredient } from "../images/build";
import { recipeHash } from "../images/recipes";
import { cached, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";

/** All of Kubernetes' components in one program (`tools/kubernetes`): four to six minutes, once. */
const kubernetes: GoTool = {
  name: "kubernetes",
  packagePath: ".",
  version: "v1.34.3",
  stamp: "k8s.io/component-base/version.gitVersion=v1.34.3",
  shared: 0.42,
  forImage: true,
};

/** With the plugins that a cluster needs (`tools/coredns`). */
const coredns: GoTool = {
  name: "coredns",
  packagePath: ".",
  version: "v1.12.4",
  stamp: "github.com/coredns/coredns/coremain.GitCommit=sandbox",
  shared: 0.3,
  forImage: true,
};

/** What a provider adds to a cluster (`tools/kubernetes-cloud`). */
const cloud: GoTool = { name: "kubernetes-cloud", packagePath: ".", version: "v0", shared: 0.93, forImage: true };

/** The version of Kubernetes that a node of the sandbox runs, as `1.34.3`. */
export const kubernetesVersion = kubernetes.version.slice(1);

/**
 * The programs of the node's image, under the names that its Dockerfile copies. Their modules have the same versions,
 * so that what two of them are made of is compiled once.
 */
export const nodePrograms: readonly Ingredient[] = [
  ingredient("coredns", coredns, 0.19),
  ingredient("cloud", cloud, 0.07),
  ingredient("kubernetes", kubernetes, 0.66),
];

/** Whether the largest of them, which is compiled last, is there already. */
export function nodeProgramsThere(): boolean {
  return fs.existsSync(path.join(paths.cache, kubernetes.name, versionOf(kubernetes)));
}

function recipeOf(tool: GoTool): string {
  return path.join(__dirname, tool.name);
}

/** They have a main package of their own: its text belongs to the version. */
function versionOf(tool: GoTool): string {
  return `${tool.version}-${recipeHash([recipeOf(tool)]).slice(0, 12)}`;
}

function ingredient(name: string, tool: GoTool, share: number): Ingredient {
  const recipe = recipeOf(tool);
  const make = async (progress: Progress): Promise<string> => {
    const directory = await cached(tool.name, versionOf(tool), progress, (temporary) =>
      goBuild(tool, temporary, progress),
    );
    return path.join(directory, tool.name);
  };
  return { name, recipe, share, make };
}
