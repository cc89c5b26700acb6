/** A look at the database from outside, whether services use it or not: reads alone, in one transaction. */
import { Client, type ClientConfig } from "pg";
import type { PendingState } from "../deliveries.ts";
import type { PostgresServer } from "./options.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { UNFINISHED_MOVE_KEY } from "./unfinished-move.ts";

export interface PostgresInspection {
  /** Such as `17.2`. */
  readonly serverVersion: string;
  readonly bytes: number;
  /** A standby takes no writes. */
  readonly isStandby: boolean;
  /** 0 for a database without tables; then all that follows is empty. */
  readonly schemaVersion: number;
  /** What this program brings a database to. */
  readonly programSchemaVersion: number;
  /** Whether this program may serve it: newer versions may have changed it for good. */
  readonly isServable: boolean;
  /** Whether `countersign migrate-store` has begun to fill it and is not at its end. */
  readonly isUnfinished: boolean;
  readonly lastPosition: number;
  /** Milliseconds since the Unix epoch; undefined where there is no event. */
  readonly lastEventAtMs: number | undefined;
  /** Mails that have not come to their end. */
  readonly waiting: readonly {
    readonly state: PendingState;
    readonly count: number;
    readonly oldestQueuedAtMs: number;
  }[];
  /** Since when the mail has been due that is due longest; undefined where none waits. */
  readonly dueSinceMs: number | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

/** @param timeoutMs for the connection, and for each look. @throws Error where it cannot be reached or read */
export async function inspectPostgres(
  { tls, ...server }: PostgresServer,
  timeoutMs: number,
): Promise<PostgresInspection> {
  const config: ClientConfig = {
    ...server,
    ssl: tls ?? false,
    application_name: "countersign doctor",
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  };
  const client = new Client(config);
  // What breaks the connection is told by the query that meets it.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return await inspect(client);
  } finally {
    await client.end();
  }
}

async function inspect(client: Client): Promise<PostgresInspection> {
  const rows = async <Row extends object>(text: string): Promise<Row[]> =>
    (await client.query<Row>(text)).rows;
  const [head] = await rows<{ version: string; bytes: string; isStandby: boolean; hasTables: boolean }>(
    `SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes,
       pg_is_in_recovery() AS "isStandby", to_regclass('schema_migrations') IS NOT NULL AS "hasTables"`,
  );
  const outside = {
    serverVersion: head?.version ?? "",
    bytes: Number(head?.bytes),
    isStandby: head?.isStandby === true,
    programSchemaVersion: SCHEMA_VERSION,
  };
  if (head?.hasTables !== true) return { ...outside, ...NOTHING };
  const [inside] = await rows<{
    schemaVersion: number;
    servedFrom: number;
    lastPosition: string;
    lastEventAtMs: string | null;
    dueSinceMs: string | null;
  }>(
    `SELECT (SELECT coalesce(max(version), 0) FROM schema_migrations) AS "schemaVersion",
       (SELECT coalesce(max(served_from), 0) FROM schema_migrations) AS "servedFrom",
       (SELECT position FROM log_head) AS "lastPosition",
       (SELECT created_at_ms FROM events ORDER BY position DESC LIMIT 1) AS "lastEventAtMs",
       (SELECT min(due_at_ms) FROM outbox WHERE due_at_ms IS NOT NULL) AS "dueSinceMs"`,
  );
  const waiting = await rows<{ state: PendingState; count: string; oldestQueuedAtMs: string }>(
    `SELECT state, count(*) AS count, min(queued_at_ms) AS "oldestQueuedAtMs" FROM outbox
     WHERE due_at_ms IS NOT NULL GROUP BY state ORDER BY state`,
  );
  const pairs = await rows<{ key: string; value: string }>("SELECT key, value FROM metadata");
  const metadata = new Map(pairs.map(({ key, value }) => [key, value]));
  return {
    ...outside,
    schemaVersion: inside?.schemaVersion ?? 0,
    isServable: (inside?.servedFrom ?? 0) <= SCHEMA_VERSION,
    isUnfinished: metadata.has(UNFINISHED_MOVE_KEY),
    lastPosition: Number(inside?.lastPosition ?? 0),
    lastEventAtMs: numberOf(inside?.lastEventAtMs),
    waiting: waiting.map(({ state, count, oldestQueuedAtMs }) => ({
      state,
      count: Number(count),
      oldestQueuedAtMs: Number(oldestQueuedAtMs),
    })),
    dueSinceMs: numberOf(inside?.dueSinceMs),
    metadata,
  };
}

const NOTHING = {
  schemaVersion: 0,
  isServable: true,
  isUnfinished: false,
  lastPosition: 0,
  lastEventAtMs: undefined,
  waiting: [],
  dueSinceMs: undefined,
  metadata: new Map<string, string>(),
};

/** BIGINT comes as text. */
function numberOf(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text);
}
