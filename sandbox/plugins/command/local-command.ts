import { randomBytes } from "node:crypto";
import type { Resource } from "../resource";
import { text } from "../schema";
import { runCommand } from "./run";

const noFiles = "the stand-in returns no files; read them in the program";

/** `command.local.Command`. */
export const localCommand: Resource = {
  token: "command:local:Command",
  sdk: { file: "local/command.d.ts", args: "CommandArgs", result: "Command" },
  inputs: {
    addPreviousOutputInEnv: { type: "boolean" },
    archivePaths: { type: { array: "string" }, unsupported: noFiles },
    assetPaths: { type: { array: "string" }, unsupported: noFiles },
    create: { type: "string" },
    delete: { type: "string" },
    dir: { type: "string" },
    environment: { type: { map: "string" } },
    interpreter: { type: { array: "string" } },
    logging: { type: { oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] } },
    stdin: { type: "string" },
    triggers: { type: { array: "any" }, replace: true },
    update: { type: "string" },
  },
  outputs: {
    addPreviousOutputInEnv: { type: "boolean" },
    archive: { type: "any", unsupported: noFiles },
    archivePaths: { type: { array: "string" }, unsupported: noFiles },
    assetPaths: { type: { array: "string" }, unsupported: noFiles },
    assets: { type: { map: "any" }, unsupported: noFiles },
    create: { type: "string" },
    delete: { type: "string" },
    dir: { type: "string" },
    environment: { type: { map: "string" } },
    interpreter: { type: { array: "string" } },
    logging: { type: { oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] } },
    stderr: { type: "string", required: true },
    stdin: { type: "string" },
    stdout: { type: "string", required: true },
    triggers: { type: { array: "any" } },
    update: { type: "string" },
  },
  updateChanges: ["stdout", "stderr"],
  outputsFollowSecrets: true,
  async create(call) {
    const command = text(call.inputs, "create");
    const output = command === undefined ? { stdout: "", stderr: "" } : await runCommand(command, call);
    return { id: `${call.name}${randomBytes(4).toString("hex")}`, outputs: { ...output } };
  },
  async update(call) {
    const command = text(call.inputs, "update") ?? text(call.inputs, "create");
    const { stdout = "", stderr = "" } = call.old.outputs;
    return command === undefined ? { stdout, stderr } : { ...(await runCommand(command, call, call.old.outputs)) };
  },
  async delete(call) {
    const command = text(call.inputs, "delete");
    if (command !== undefined) await runCommand(command, call, call.old.outputs);
  },
};
