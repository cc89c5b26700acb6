// The server under fire: `countersign serve` in a process of its own, run from the sources, with a database of its own.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("../support/serve-from-source.ts", import.meta.url));
const START_TIMEOUT_MS = 20_000;
const CALL_TIMEOUT_MS = 10_000;
/** The same in each run, so that what was sent once can be sent again. */
const TOKEN = "fuzz-token-fuzz-token-fuzz-token-fuzz";
/** Users known at a time: the oldest make room. */
const USERS = 60;
/** Lines that are written at level error, or when node gives up. */
const COMPLAINT = /"level":"(?:error|fatal)"|Uncaught|Unhandled|^\w*Error\b|^ {4}at /m;

export class Target {
  readonly token = TOKEN;
  readonly userIds: string[] = [];
  organizationId = "";
  port = 0;
  /** Why it ended; undefined while it lives. */
  exit: string | undefined;
  readonly #child: ChildProcess;
  readonly #dataDir: string;
  #stderr = "";
  #users = 0;

  private constructor(child: ChildProcess, dataDir: string) {
    this.#child = child;
    this.#dataDir = dataDir;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    child.once(
      "close",
      (code, signal) => (this.exit = `the process ended: ${signal ?? `exit code ${code}`}`),
    );
  }

  static async start(): Promise<Target> {
    const dataDir = await mkdtemp(join(tmpdir(), "countersign-fuzz-"));
    const child = spawn(process.execPath, [ENTRY, "serve"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        COUNTERSIGN_LISTEN: "127.0.0.1:0",
        COUNTERSIGN_DATA_DIR: dataDir,
        COUNTERSIGN_ADMIN_TOKEN: TOKEN,
        COUNTERSIGN_LOG_LEVEL: "error",
        COUNTERSIGN_LOG_FORMAT: "json",
        COUNTERSIGN_DIRECT_UNARY: process.env["COUNTERSIGN_DIRECT_UNARY"] ?? "on",
      },
    });
    const target = new Target(child, dataDir);
    target.port = await target.#boundPort();
    await target.addUsers(USERS);
    const { status, body } = await target.#call("GET", `/v2/users/${target.userIds[0]}`);
    if (status !== 200) throw new Error(`no good call: ${status} ${body}`);
    const found = JSON.parse(body) as { details: { resourceOwner: string } };
    target.organizationId = found.details.resourceOwner;
    return target;
  }

  /** What it wrote that it should not have; undefined when there is nothing. */
  get complaint(): string | undefined {
    const found = COMPLAINT.exec(this.#stderr);
    return found === null
      ? undefined
      : this.#stderr.slice(Math.max(found.index - 200, 0), found.index + 3_000);
  }

  /**
   * Fresh users, in the place of those that were deleted or locked meanwhile.
   *
   * @returns their ids
   * @throws Error without a good answer
   */
  async addUsers(count: number): Promise<string[]> {
    const userIds: string[] = [];
    for (let added = 0; added < count; added++) {
      const number = ++this.#users;
      const userId = `fuzz-user-${number}`;
      const { status, body } = await this.#call("POST", "/v2/users/human", {
        userId,
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: { email: `fuzz-user-${number}@example.com`, returnCode: {} },
      });
      if (status !== 200) throw new Error(`a good call is answered ${status} ${body}`);
      userIds.push(userId);
    }
    this.userIds.splice(0, Math.max(this.userIds.length + count - USERS, 0));
    this.userIds.push(...userIds);
    return userIds;
  }

  /** Of the whole process, in MiB; undefined where /proc does not tell. */
  async residentMiB(): Promise<number | undefined> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8").catch(() => "");
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  }

  async stop(): Promise<void> {
    if (this.exit === undefined) {
      const closed = once(this.#child, "close");
      this.#child.kill("SIGKILL");
      await closed;
    }
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  async #boundPort(): Promise<number> {
    const found = Promise.withResolvers<number>();
    let stdout = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const port = /^\s*serving\s+http:\/\/127\.0\.0\.1:(\d+)\s/m.exec(stdout)?.[1];
      if (port !== undefined) found.resolve(Number(port));
    });
    this.#child.once("close", () => found.reject(new Error(`the server did not start\n${this.#stderr}`)));
    const timer = setTimeout(() => found.reject(new Error("the server does not start")), START_TIMEOUT_MS);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async #call(method: string, path: string, json?: unknown): Promise<{ status: number; body: string }> {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const options = { host: "127.0.0.1", port: this.port, method, path, headers, agent: false };
    const outgoing = request({ ...options, timeout: CALL_TIMEOUT_MS });
    outgoing.on("timeout", () => outgoing.destroy(new Error("a good call is not answered")));
    outgoing.end(json === undefined ? undefined : JSON.stringify(json));
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    return { status: incoming.statusCode ?? 0, body: (await buffer(incoming)).toString() };
  }
}
