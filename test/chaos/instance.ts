// One of several services on a database: killed whenever the run wants, and started again at another port.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ServerProcess } from "../support/spawned-server.ts";

const MOST_STARTS = 20;
const PAUSE_MS = 250;

export class Instance {
  /** Where it serves; undefined while it does not. */
  url: string | undefined;
  /** Everything that ended processes wrote to stderr. */
  readonly complaints: string[] = [];
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #process: ServerProcess | undefined;

  constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Starts it again until it serves, as a supervisor does: it ends at once where it finds no database. */
  async start(nodeArguments: readonly string[] = []): Promise<void> {
    for (let left = MOST_STARTS; this.url === undefined; left--) {
      const dataDir = mkdtempSync(join(this.#folder, "instance-"));
      const server = new ServerProcess({ dataDir, env: this.#env, nodeArguments });
      this.#process = server;
      try {
        this.url = await server.ready();
      } catch (error) {
        if (left === 0 || !server.complaints.includes("cannot open the database")) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** @throws Error when it does not end in good order */
  async stop(): Promise<void> {
    const exit = await this.#end("SIGTERM");
    if (exit !== undefined && exit.code !== 0)
      throw new Error(`an instance ended with ${exit.code}: ${this.complaints.at(-1)}`);
  }

  async #end(signal: "SIGKILL" | "SIGTERM") {
    const server = this.#process;
    this.url = undefined;
    this.#process = undefined;
    const exit = await server?.end(signal);
    if (server !== undefined) this.complaints.push(server.complaints);
    return exit;
  }
}
