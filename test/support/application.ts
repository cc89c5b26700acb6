// A whole application in this process, on a free port, with its data in a temporary folder.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { startApplication, type Sources } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import type { ListenerLimits } from "../../src/transport/limits.ts";
import { newPostgresDatabase, testDatabase, type TestDatabase } from "./test-database.ts";

export interface TestApplication {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The admin's access token. */
  readonly token: string;
  /** The default organization, to which the admin belongs. */
  readonly organizationId: string;
  /** The service account that the admin's token is of. */
  readonly adminId: string;
  readonly database: TestDatabase;
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
  const url = options.env?.["COUNTERSIGN_DATABASE_URL"] ?? (await newPostgresDatabase());
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
        ...databaseEnvironment(url),
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
    const database = testDatabase(application.databaseKind === "PostgreSQL" ? url : undefined, dataDir);
    const { organizationId, serviceAccountId } = await readFirstIds(database);
    const token =
      adminTokenPath === undefined
        ? (loaded.config.adminToken?.reveal() ?? "")
        : (await readFile(adminTokenPath, "utf8")).trim();
    return {
      url: application.url,
      host: hostname,
      port: Number(port),
      token,
      organizationId,
      adminId: serviceAccountId,
      database,
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

function databaseEnvironment(url: string | undefined): Readonly<Record<string, string>> {
  if (url === undefined) return {};
  return {
    COUNTERSIGN_DATABASE_URL: url,
    COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
    COUNTERSIGN_ADMIN_TOKEN: randomBytes(32).toString("hex"),
  };
}

/** From the database, because what the wire says about it is under test. */
async function readFirstIds(
  database: TestDatabase,
): Promise<{ organizationId: string; serviceAccountId: string }> {
  const [row] = await database.rows<{ value: string }>("SELECT value FROM metadata WHERE key = 'bootstrap'");
  return JSON.parse(row?.value ?? "{}") as { organizationId: string; serviceAccountId: string };
}
