import * as fs from "node:fs";
import * as path from "node:path";
import { mock } from "node:test";

import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";

import program from "../../index";

const root = path.join(__dirname, "..", "..");

/** A resource as the program declared it: what mocks and the engine are told. */
export interface DeclaredResource {
  readonly name: string;
  readonly type: string;
  readonly parent: string;
  readonly inputs: unknown;
  readonly options: unknown;
  /** Name of the provider that was chosen for it; absent for the usual one. */
  readonly provider?: string;
}

export interface ProgramRun {
  readonly resources: readonly DeclaredResource[];
  readonly outputs: Record<string, unknown>;
}

/** How the world answers: outputs of resources by type, and HTTP answers. What is not here is an error of the test. */
export interface World {
  readonly outputs: Record<string, (inputs: Record<string, unknown>, name: string) => Record<string, unknown>>;
  readonly fetch: (method: string, url: URL) => Response | undefined;
  /** What functions of providers answer, by token. */
  readonly functions?: Record<string, (inputs: Record<string, unknown>) => Record<string, unknown>>;
}

/** The configuration of a committed stack file, as the engine hands it to the program. */
export function stackConfig(stack: string): Record<string, string> {
  const { config } = parse(fs.readFileSync(path.join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: Record<string, unknown>;
  };
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, text(value)]));
}

/** Runs the whole program in `directory` with mocks in the place of the engine, the network and the clock. Proves shape, not behaviour. */
export async function runProgram(
  directory: string,
  stack: string,
  config: Record<string, string>,
  world: World,
): Promise<ProgramRun> {
  const before = process.cwd();
  const realFetch = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const url = new URL(String(input));
    const answer = world.fetch(init?.method ?? "GET", url);
    return answer === undefined
      ? Promise.reject(new Error(`the test knows no ${init?.method ?? "GET"} ${url.href}`))
      : Promise.resolve(answer);
  };
  mock.timers.enable({ apis: ["Date"], now: new Date("2026-11-21T10:00:00Z") });
  process.chdir(directory);
  try {
    return await declare(stack, config, world.outputs, program, world.functions);
  } finally {
    process.chdir(before);
    mock.timers.reset();
    globalThis.fetch = realFetch;
  }
}

/** What a piece of the program declares, with mocks in the place of the engine. */
export async function declare(
  stack: string,
  config: Record<string, string>,
  outputsOf: World["outputs"],
  body: () => Promise<Record<string, unknown>>,
  functions: World["functions"] = {},
): Promise<ProgramRun> {
  const declared = new Map<string, DeclaredResource>();
  const recorded = new Map<string, { parent: string; options: unknown }>();
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => {
        const answer = functions[token];
        if (answer === undefined) {
          throw new Error(`the test knows no function ${token}`);
        }
        return answer(inputs as Record<string, unknown>);
      },
      newResource: ({ name, type, inputs, provider }) => {
        const note = recorded.get(name);
        const chosen = /::([^:]+)::[^:]*$/.exec(provider ?? "")?.[1];
        const resource = { name, type, parent: note?.parent ?? "", inputs, options: note?.options ?? {} };
        declared.set(name, { ...resource, ...(chosen === undefined ? {} : { provider: chosen }) });
        const outputs = outputsOf[type];
        if (outputs === undefined && !type.startsWith("odoo:") && type !== "pulumi:pulumi:Stack") {
          throw new Error(`the test knows no resource ${type}`);
        }
        const { id = `${name}-id`, ...state } = outputs?.(inputs as Record<string, unknown>, name) ?? {};
        return { id: String(id), state: { ...(inputs as object), ...state } };
      },
    },
    "odoo",
    stack,
    false,
  );
  pulumi.runtime.setAllConfig(config);
  const outputs = await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ name, opts }) => {
      const {
        parent,
        protect,
        retainOnDelete,
        ignoreChanges,
        deleteBeforeReplace,
        additionalSecretOutputs,
        dependsOn,
        import: taken,
      } = opts as pulumi.CustomResourceOptions;
      const options = {
        protect,
        retainOnDelete,
        ignoreChanges,
        deleteBeforeReplace,
        additionalSecretOutputs,
        dependsOn: namesOf(dependsOn),
        import: taken,
      };
      recorded.set(name, { parent: nameOf(parent), options });
      return undefined;
    });
    return body();
  });
  const known = (await plain(outputs)) as Record<string, unknown>;
  // What no output waits for is declared, too. The SDK waits by this, and has no word for it in its types.
  await (pulumi.runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
  return { resources: [...declared.values()], outputs: known };
}

const secretSignature = "4dabf18193072939515e22adb298388d";

/** The value inside of a secret input; undefined for an input that is none. */
export function secretOf(input: unknown): unknown {
  const wrapped = input as { readonly [secretSignature]?: string; readonly value?: unknown } | undefined;
  return typeof input === "object" && wrapped?.[secretSignature] !== undefined ? wrapped.value : undefined;
}

/** In the order of the alphabet; what comes as an output is left out. */
function namesOf(resources: pulumi.CustomResourceOptions["dependsOn"]): string[] | undefined {
  const known = (Array.isArray(resources) ? resources : [resources]).filter((one): one is pulumi.Resource =>
    pulumi.Resource.isInstance(one),
  );
  return known.length === 0 ? undefined : known.map(nameOf).sort();
}

function nameOf(resource: pulumi.Resource | undefined): string {
  return (resource as unknown as { __name?: string } | undefined)?.__name ?? "";
}

function plain(value: unknown): Promise<unknown> {
  return new Promise((resolve) => pulumi.unsecret(pulumi.output(value)).apply(resolve));
}
