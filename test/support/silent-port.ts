import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Fills the queue of a port that nobody takes connections from, so that the kernel answers none. Node takes all. */
const program = `
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
held = []
try:
    while True:
        held.append(socket.create_connection(server.getsockname(), 0.5))
except TimeoutError:
    print(server.getsockname()[1], flush=True)
sys.stdin.read()
`;

/** A port of 127.0.0.1 at which a connection neither comes about nor is refused. */
export class SilentPort {
  private constructor(
    private readonly process: ChildProcess,
    readonly port: number,
  ) {}

  static async open(): Promise<SilentPort> {
    const process = spawn("python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(process.stdout, "data")) as [Buffer];
    return new SilentPort(process, Number(line.toString()));
  }

  close(): void {
    this.process.stdin?.end();
  }
}
