import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** Programs in a folder of their own, which is the whole PATH but for the shell's tools until `remove`. */
export class Programs {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "programs-"));
  readonly #before = process.env["PATH"];

  constructor() {
    process.env["PATH"] = `${this.folder}:/usr/bin:/bin`;
  }

  /** A shell script; it finds its arguments as a shell does. */
  add(name: string, script: string): void {
    fs.writeFileSync(path.join(this.folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Arguments of each call of a program that was added with `recorded`. */
  calls(name: string): string[] {
    const file = path.join(this.folder, `${name}.calls`);
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trimEnd().split("\n") : [];
  }

  recorded(name: string, script: string): void {
    this.add(name, `echo "$*" >> "$0.calls"\n${script}`);
  }

  remove(): void {
    process.env["PATH"] = this.#before;
    fs.rmSync(this.folder, { recursive: true });
  }
}
