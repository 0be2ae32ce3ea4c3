import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

/** What a test does in a small Git repository of its own. `root` tells its folder when it is asked for. */
export function smallRepository(root: () => string) {
  const git = (...args: string[]) => execFileSync("git", ["-C", root(), ...args], { encoding: "utf8", stdio: "pipe" });
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(root(), file)), { recursive: true });
    fs.writeFileSync(path.join(root(), file), text);
  };
  const commit = () => {
    git("add", "-A");
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "one");
  };
  return { git, write, commit };
}
