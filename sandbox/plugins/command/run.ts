import { spawn } from "node:child_process";
import { text, textMap, texts } from "../schema";
import type { Call } from "../resource";
import type { ValueMap } from "../values";

/** Output of a command, without the last line's end. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command as the official plugin does; a failure tells exit status, command and what it wrote. */
export async function runCommand(command: string, call: Call, previous?: ValueMap): Promise<CommandOutput> {
  const { inputs, signal } = call;
  const interpreter = texts(inputs["interpreter"]);
  const [program = "/bin/sh", ...args] = interpreter.length > 0 ? interpreter : ["/bin/sh", "-c"];
  const child = spawn(program, [...args, command], {
    cwd: text(inputs, "dir") ?? process.cwd(),
    env: { ...process.env, ...textMap(inputs["environment"]), ...previousOutput(inputs, previous) },
    stdio: "pipe",
  });
  const output = { stdout: "", stderr: "", both: "" };
  const logging = text(inputs, "logging") ?? "stdoutAndStderr";
  for (const name of ["stdout", "stderr"] as const) {
    const shown = logging.toLowerCase().includes(name);
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      output[name] += chunk;
      output.both += chunk;
      if (shown) chunk.split("\n").forEach((line) => call.progress(line));
    });
  }
  // A command that ends without reading its input is not an error.
  child.stdin.on("error", () => undefined);
  child.stdin.end(text(inputs, "stdin") ?? "");
  // As the official plugin: the shell alone, and what it has started is waited for.
  const end = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", end, { once: true });
  try {
    const status = await new Promise<string | undefined>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, by) =>
        resolve(code === 0 ? undefined : by === null ? `exit status ${code}` : `signal: ${by}`),
      );
    });
    signal.throwIfAborted();
    if (status !== undefined) throw new Error(`${status}: running ${JSON.stringify(command)}:\n${output.both}`);
  } finally {
    signal.removeEventListener("abort", end);
  }
  return { stdout: output.stdout.replace(/\n$/, ""), stderr: output.stderr.replace(/\n$/, "") };
}

function previousOutput(inputs: ValueMap, previous: ValueMap | undefined): Readonly<Record<string, string>> {
  if (previous === undefined || inputs["addPreviousOutputInEnv"] === false) return {};
  const { stdout, stderr } = textMap(previous);
  return { ...(stdout && { PULUMI_COMMAND_STDOUT: stdout }), ...(stderr && { PULUMI_COMMAND_STDERR: stderr }) };
}
