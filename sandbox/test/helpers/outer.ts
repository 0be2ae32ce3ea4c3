import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { recipeHash } from "../../images/recipes";

const sandbox = path.resolve(__dirname, "..", "..");
const execute = promisify(execFile);

/** Notes what it is asked and given, and answers as if the image were there and `$STATE` were the container's state. */
const docker = `#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$1" in
  ps) printf '%s\\n' "$STATE" ;;
  info) printf '%s\\n' "$CGROUPS" ;;
  image) printf '%s\\n' "$RECIPE" ;;
  network) printf 'id\\n' ;;
  exec)
    [ "$2" = --interactive ] || exit 0
    input=$(cat)
    printf '%s\\n' "$input" >> "$INPUT"
    case "$input" in *"SHOW max_connections"*) echo 25 ;; esac ;;
esac
`;

interface Answers {
  /** Of the container, or lines of `docker ps`. @default "", there is none */
  readonly STATE?: string;
  /** Their version. @default "2" */
  readonly CGROUPS?: string;
}

/** An outer machine: a state of its own and that docker command. What real containers do is shown in test/e2e. */
export class Outer {
  readonly home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-outer-"));
  readonly state = path.join(this.home, "state");

  /**
   * @param module of the sandbox, such as `vps/machine`; pieces of code know it as `subject`
   * @param recipes the directories of its image's recipe
   */
  constructor(
    private readonly module: string,
    private readonly recipes: readonly string[],
  ) {
    fs.mkdirSync(this.state);
    fs.writeFileSync(path.join(this.home, "docker"), docker, { mode: 0o755 });
  }

  /** Runs a piece of code. Answers what Docker was asked for, what it was given by standard input, and what the piece has printed. */
  async run(
    body: string,
    answers: Answers = {},
  ): Promise<{ readonly calls: string[]; readonly input: string; readonly printed: string }> {
    const [calls, input] = ["calls", "input"].map((name) => path.join(this.home, name)) as [string, string];
    for (const file of [calls, input]) fs.writeFileSync(file, "");
    const script = path.join(this.home, "script.ts");
    fs.writeFileSync(
      script,
      `import * as subject from "${sandbox}/${this.module}";\nvoid (async () => { ${body} })();\n`,
    );
    const { stdout } = await execute(process.execPath, ["--import", "tsx", script], {
      cwd: sandbox,
      timeout: 300_000,
      env: {
        ...process.env,
        SANDBOX_STATE_DIR: this.state,
        PATH: `${this.home}:${process.env["PATH"] ?? ""}`,
        ...{ CALLS: calls, INPUT: input, RECIPE: recipeHash(this.recipes), STATE: "", CGROUPS: "2", ...answers },
      },
    });
    return { calls: read(calls).trim().split("\n"), input: read(input), printed: stdout.trim() };
  }

  /** What a file of the state holds; `undefined`: there is none. */
  file(...names: readonly string[]): string | undefined {
    const file = path.join(this.state, ...names);
    return fs.existsSync(file) ? read(file) : undefined;
  }

  remove(): void {
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

function read(file: string): string {
  return fs.readFileSync(file, "utf8");
}
