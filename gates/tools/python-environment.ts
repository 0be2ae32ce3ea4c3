import * as path from "node:path";

import { ask } from "../../components/shared/ask";
import { ShipError } from "../../components/shared/errors";

/**
 * Makes an environment in `directory` with the packages that `requirements` pins by hash, as their makers have built
 * them: no package runs code of its own while it is installed.
 * @param limitMs of each of the two steps
 * @throws ShipError TOOL_MISSING
 */
export async function pythonEnvironment(directory: string, requirements: string, limitMs: number): Promise<void> {
  const python = async (program: string, args: readonly string[], what: string): Promise<void> => {
    const { status, stderr, problem } = await ask(program, args, path.dirname(requirements), limitMs);
    if (status === 0) return;
    const words = (stderr.trim() || (problem ?? `exit status ${status}`)).split("\n").slice(-10).join("\n");
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: `${what} failed`,
      found: words,
      expected: "Python 3.10 or newer with its module venv, and an index that has the pinned packages (PIP_INDEX_URL)",
      remedy: "on Debian and Ubuntu `apt-get install python3-venv`; check the network; then run the same command again",
    });
  };
  await python("python3", ["-m", "venv", directory], "making an environment for Python packages");
  const binaries = ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--disable-pip-version-check"];
  const install = ["-m", "pip", "install", "--quiet", ...binaries, "--requirement", requirements];
  const what = `installing the Python packages of ${path.basename(requirements)}`;
  await python(path.join(directory, "bin", "python3"), install, what);
}
