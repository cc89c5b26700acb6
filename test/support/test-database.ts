// The database of a test, whichever it is: `npm run test:postgres` names a server, and each test gets a database of its own
// on it; else there is a SQLite file. Looked into past the service, because what the service says of it is under test.
import Database from "better-sqlite3";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

const SERVER = process.env["TEST_POSTGRES_URL"];

/** In the data directory of a service in a process of its own. */
const URL_FILE = "database.url";

/** Whether this is a run of `npm run test:postgres`. */
export const isOnPostgres = SERVER !== undefined;

/** A new database on the server of the run. @returns its URL; undefined where there is no such server */
export async function newPostgresDatabase(): Promise<string | undefined> {
  if (SERVER === undefined) return undefined;
  const name = `test_${randomBytes(8).toString("hex")}`;
  await queryPostgres(SERVER, `CREATE DATABASE ${name}`, []);
  return new URL(`/${name}`, SERVER).href;
}

/**
 * Settings for a service whose data directory this is: the database, key and token that it had before, or new ones. The
 * token is in `admin.token`, as if the service had made it.
 *
 * @returns no settings where there is no such server
 */
export async function postgresSettingsIn(dataDir: string): Promise<Readonly<Record<string, string>>> {
  if (SERVER === undefined) return {};
  mkdirSync(dataDir, { recursive: true });
  const keyFile = join(dataDir, "secret.key");
  const random = (encoding: "base64" | "hex") => randomBytes(32).toString(encoding);
  await remembered(keyFile, () => random("base64"));
  return {
    COUNTERSIGN_DATABASE_URL: await remembered(
      join(dataDir, URL_FILE),
      async () => (await newPostgresDatabase()) ?? "",
    ),
    COUNTERSIGN_SECRET_KEY_FILE: keyFile,
    COUNTERSIGN_ADMIN_TOKEN: await remembered(join(dataDir, "admin.token"), () => random("hex")),
  };
}

/** The content of the file, which is made where it is missing: whole, whenever the process dies. */
async function remembered(path: string, make: () => string | Promise<string>): Promise<string> {
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, await make(), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return readFileSync(path, "utf8").trim();
}

export interface TestDatabase {
  /** @param sql with a question mark for each value */
  rows<Row>(sql: string, ...values: readonly string[]): Promise<Row[]>;
  /** Everything that is stored, by where it is: the files of the folder, and all tables of a PostgreSQL database. */
  contents(): Promise<ReadonlyMap<string, Buffer>>;
}

/** The URL of the PostgreSQL database that `postgresSettingsIn` made for the data directory; undefined: it is SQLite's. */
export function postgresUrlIn(dataDir: string): string | undefined {
  return isOnPostgres ? readFileSync(join(dataDir, URL_FILE), "utf8").trim() : undefined;
}

/** The database of a service whose data directory this is. */
export function databaseIn(dataDir: string): TestDatabase {
  return testDatabase(postgresUrlIn(dataDir), dataDir);
}

/**
 * Waits until nobody uses the database of a service that was killed. Its files do not change any more; a PostgreSQL server
 * may have a COMMIT of it in hand.
 */
export async function deserted(dataDir: string): Promise<void> {
  const url = postgresUrlIn(dataDir);
  if (url === undefined) return;
  const others =
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  while ((await queryPostgres(url, others, [])).length > 0) await sleep(10);
}

/** @param url of a PostgreSQL database; undefined: SQLite in the folder of data */
export function testDatabase(url: string | undefined, dataDir: string): TestDatabase {
  return url === undefined ? sqliteIn(dataDir) : postgresAt(url, dataDir);
}

function sqliteIn(dataDir: string): TestDatabase {
  return {
    async rows<Row>(sql: string, ...values: readonly string[]) {
      const database = new Database(join(dataDir, "countersign.db"), { readonly: true });
      try {
        return database.prepare(sql).all(...values) as Row[];
      } finally {
        database.close();
      }
    },
    contents: async () => filesOf(dataDir),
  };
}

function postgresAt(url: string, dataDir: string): TestDatabase {
  return {
    async rows<Row>(sql: string, ...values: readonly string[]) {
      let count = 0;
      return (await queryPostgres(
        url,
        sql.replaceAll("?", () => `$${++count}`),
        values,
      )) as Row[];
    },
    async contents() {
      const found = filesOf(dataDir);
      const tables = (await queryPostgres(
        url,
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
        [],
      )) as { name: string }[];
      for (const { name } of tables) {
        const rows = await queryPostgres(url, `SELECT t::text AS row FROM "${name}" t`, []);
        found.set(name, Buffer.from(rows.map((row) => (row as { row: string }).row).join("\n")));
      }
      return found;
    },
  };
}

function filesOf(folder: string): Map<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

async function queryPostgres(url: string, text: string, values: readonly string[]): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows as unknown[];
  } finally {
    await client.end();
  }
}
