// A whole application in this process, on a free port, with its data in a temporary folder.
import Database from "better-sqlite3";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import pino from "pino";
import { startApplication, type Application, type Sources } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import type { ListenerLimits } from "../../src/transport/limits.ts";

export interface TestApplication {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The admin's access token. */
  readonly token: string;
  /** The default organization, to which the admin belongs. */
  readonly organizationId: string;
  readonly dataDir: string;
  /** Undefined unless COUNTERSIGN_METRICS_LISTEN is set. */
  readonly metricsUrl: string | undefined;
  /** Every line of the log at level error and above that was not taken, as JSON text. */
  readonly errors: readonly string[];
  /** Empties `errors`. */
  takeErrors(): readonly string[];
  /** As SIGHUP does. */
  reloadCertificate(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestApplicationOptions {
  /** Settings, as `COUNTERSIGN_*` variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly sources?: Partial<Sources>;
  /** Limits of the port, where those in force would take too long. */
  readonly limits?: Partial<ListenerLimits>;
}

export async function startTestApplication(options: TestApplicationOptions = {}): Promise<TestApplication> {
  const dataDir = await mkdtemp(join(tmpdir(), "countersign-wire-"));
  const errors: string[] = [];
  const logger = pino({ level: "error" }, { write: (line: string) => void errors.push(line) });
  try {
    const loaded = loadConfig(
      {
        COUNTERSIGN_LISTEN: "127.0.0.1:0",
        COUNTERSIGN_DATA_DIR: dataDir,
        COUNTERSIGN_SHUTDOWN_GRACE: "2s",
        // Set to "off" for a run of the tests, it makes connect-node serve every call.
        COUNTERSIGN_DIRECT_UNARY: process.env["COUNTERSIGN_DIRECT_UNARY"],
        ...(await databaseEnvironment()),
        ...options.env,
      },
      {},
    );
    if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
    const application = await startApplication(
      loaded.config,
      logger,
      {
        nowMs: Date.now,
        randomBytes,
        ...options.sources,
      },
      options.limits,
    );
    const { hostname, port } = new URL(application.url);
    const { adminTokenPath } = application;
    const token =
      adminTokenPath === undefined
        ? (loaded.config.adminToken?.reveal() ?? "")
        : (await readFile(adminTokenPath, "utf8")).trim();
    return {
      url: application.url,
      host: hostname,
      port: Number(port),
      token,
      organizationId: await readOrganizationId(application),
      dataDir,
      metricsUrl: application.metricsUrl,
      errors,
      takeErrors: () => errors.splice(0),
      reloadCertificate: () => application.reloadCertificate(),
      async stop() {
        await application.stop();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** `npm run test:postgres` names a server here: each application gets a database of its own on it. */
const POSTGRES = process.env["TEST_POSTGRES_URL"];

async function databaseEnvironment(): Promise<Readonly<Record<string, string>>> {
  if (POSTGRES === undefined) return {};
  const name = `wire_${randomBytes(8).toString("hex")}`;
  await query(POSTGRES, `CREATE DATABASE ${name}`);
  return {
    COUNTERSIGN_DATABASE_URL: new URL(`/${name}`, POSTGRES).href,
    COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
    COUNTERSIGN_ADMIN_TOKEN: randomBytes(32).toString("hex"),
  };
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}

/** From the database, because what the wire says about it is under test. */
async function readOrganizationId({ databaseKind, databasePath }: Application): Promise<string> {
  const text = "SELECT value FROM metadata WHERE key = 'bootstrap'";
  if (databaseKind === "PostgreSQL") return organizationIn((await query(databasePath, text))[0]);
  const database = new Database(databasePath, { readonly: true });
  try {
    return organizationIn(database.prepare(text).get());
  } finally {
    database.close();
  }
}

function organizationIn(row: unknown): string {
  const { value } = row as { value: string };
  return (JSON.parse(value) as { organizationId: string }).organizationId;
}
