// `countersign serve` in a process of its own, on a free port, run from the sources.
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("serve-from-source.ts", import.meta.url));
const READY_TIMEOUT_MS = 20_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerOptions {
  readonly dataDir: string;
  /** Further settings; nothing but PATH comes from the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node itself, such as a module to load first. */
  readonly nodeArguments?: readonly string[];
}

export class ServerProcess {
  /** Resolves once the process is gone and its output is read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #url = Promise.withResolvers<string>();
  #stdout = "";
  #stderr = "";

  constructor({ dataDir, env = {}, nodeArguments = [] }: ServerOptions) {
    this.#child = spawn(process.execPath, [...nodeArguments, ENTRY, "serve"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        // Where it makes its database, in a run on PostgreSQL.
        TEST_POSTGRES_URL: process.env["TEST_POSTGRES_URL"],
        COUNTERSIGN_LISTEN: "127.0.0.1:0",
        COUNTERSIGN_DATA_DIR: dataDir,
        COUNTERSIGN_LOG_LEVEL: "warn",
        ...env,
      },
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      const url = /^\s*serving\s+(\S+)/m.exec(this.#stdout)?.[1];
      // The banner may come in pieces; the row after this one says that this one is whole.
      if (url !== undefined && /^\s*database\s/m.test(this.#stdout)) this.#url.resolve(url);
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.exited = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        resolve({ code, signal });
        this.#url.reject(
          new Error(`the server ended (${signal ?? `exit code ${code}`}) before it served\n${this.#stderr}`),
        );
      });
    });
    // Not everybody waits for both.
    this.exited.catch(() => {});
    this.#url.promise.catch(() => {});
  }

  /** Waits until it serves. @returns its address, such as `http://127.0.0.1:40123` */
  async ready(): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`the server is not ready after ${READY_TIMEOUT_MS} ms\n${this.#stderr}`));
    }, READY_TIMEOUT_MS);
    try {
      return await Promise.race([this.#url.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What it wrote to stderr: with the level that the tests set, nothing as long as all is well. */
  get complaints(): string {
    return this.#stderr;
  }

  /** What it wrote to stdout. */
  get output(): string {
    return this.#stdout;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Signals and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }
}
