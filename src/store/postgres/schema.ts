/**
 * The tables, as numbered migrations. A migration never changes once it was released.
 *
 * - `events` is the record: append-only, `position` in commit order without gaps (positions.ts). Its second key is the
 *   sequence of an aggregate: the guard against two that append the same, and the way to one aggregate's history.
 * - `aggregates` holds the snapshot that commands load. `users` repeats what lists search; it changes only when that does.
 *   Its `_folded` columns are in lower case as JavaScript makes it, so that lists find the same on any server, whatever
 *   its locale.
 * - `delivery_log` is the timeline of an outbox row, an entry for each attempt; `event` is a TimelineEvent of the port.
 * - `kept_replies` are the answers of calls that may be sent again, see verification/user/idempotency.ts.
 * - `outbox_due` covers pending rows only, so it stays as small as the backlog.
 *
 * Text is compared byte by byte (COLLATE "C"): keys are keys, and indexes on them do not break when a server's locale
 * changes its mind. Snapshots and payloads are TEXT: they come back to the letter, and JSON may hold what jsonb may not.
 *
 * Instances migrate when they start, one at a time, under an advisory lock that ends with the transaction. Those that run
 * already go on meanwhile, so a migration only adds: what it takes away has to have been unused by the program before
 * (expand, then contract in a later release). `servedFrom` says which programs may still serve the result.
 */
import type { Database, Transaction } from "./database.ts";

interface Migration {
  /** The lowest number of migrations that a program knows which may serve a database with this one. */
  readonly servedFrom: number;
  readonly sql: string;
}

const MIGRATIONS: readonly Migration[] = [
  {
    servedFrom: 1,
    sql: `
    CREATE TABLE metadata (key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);

    CREATE TABLE log_head (id SMALLINT PRIMARY KEY, position BIGINT NOT NULL);
    INSERT INTO log_head (id, position) VALUES (1, 0);

    CREATE TABLE events (
      position        BIGINT PRIMARY KEY,
      aggregate_type  TEXT COLLATE "C" NOT NULL,
      aggregate_id    TEXT COLLATE "C" NOT NULL,
      sequence        BIGINT NOT NULL,
      type            TEXT NOT NULL,
      payload         TEXT NOT NULL,
      created_at_ms   BIGINT NOT NULL,
      organization_id TEXT NOT NULL,
      editor          TEXT NOT NULL,
      request_id      TEXT,
      client_address  TEXT,
      UNIQUE (aggregate_type, aggregate_id, sequence)
    );

    CREATE TABLE aggregates (
      type  TEXT COLLATE "C" NOT NULL,
      id    TEXT COLLATE "C" NOT NULL,
      state TEXT NOT NULL,
      PRIMARY KEY (type, id)
    ) WITH (fillfactor = 70);

    CREATE TABLE claims (
      scope        TEXT COLLATE "C" NOT NULL,
      value        TEXT COLLATE "C" NOT NULL,
      aggregate_id TEXT COLLATE "C" NOT NULL,
      PRIMARY KEY (scope, value)
    );

    CREATE TABLE buckets (
      bucket        TEXT COLLATE "C" PRIMARY KEY,
      used          BIGINT NOT NULL,
      expires_at_ms BIGINT NOT NULL
    ) WITH (fillfactor = 70);
    CREATE INDEX buckets_expiry ON buckets (expires_at_ms);

    CREATE TABLE users (
      id                  TEXT COLLATE "C" PRIMARY KEY,
      organization_id     TEXT COLLATE "C" NOT NULL,
      status              TEXT COLLATE "C" NOT NULL,
      username            TEXT COLLATE "C" NOT NULL,
      given_name          TEXT COLLATE "C" NOT NULL,
      family_name         TEXT COLLATE "C" NOT NULL,
      nick_name           TEXT COLLATE "C" NOT NULL,
      display_name        TEXT COLLATE "C" NOT NULL,
      email               TEXT COLLATE "C" NOT NULL,
      username_folded     TEXT COLLATE "C" NOT NULL,
      given_name_folded   TEXT COLLATE "C" NOT NULL,
      family_name_folded  TEXT COLLATE "C" NOT NULL,
      nick_name_folded    TEXT COLLATE "C" NOT NULL,
      display_name_folded TEXT COLLATE "C" NOT NULL,
      email_folded        TEXT COLLATE "C" NOT NULL,
      created_at_ms       BIGINT NOT NULL
    );
    CREATE INDEX users_username ON users (username);
    CREATE INDEX users_email ON users (email);

    CREATE TABLE organizations (
      id          TEXT COLLATE "C" PRIMARY KEY,
      name_folded TEXT COLLATE "C" NOT NULL
    );

    CREATE TABLE service_accounts (
      id              TEXT COLLATE "C" PRIMARY KEY,
      organization_id TEXT COLLATE "C" NOT NULL,
      username_folded TEXT COLLATE "C" NOT NULL
    );

    CREATE TABLE access_tokens (
      token_id           TEXT COLLATE "C" PRIMARY KEY,
      hash               TEXT COLLATE "C" NOT NULL UNIQUE,
      service_account_id TEXT COLLATE "C" NOT NULL,
      organization_id    TEXT COLLATE "C" NOT NULL,
      added_at_ms        BIGINT NOT NULL,
      expires_at_ms      BIGINT,
      revoked_at_ms      BIGINT,
      last_used_at_ms    BIGINT
    ) WITH (fillfactor = 70);
    CREATE INDEX access_tokens_account ON access_tokens (service_account_id, token_id);

    CREATE TABLE erasures (
      user_id       TEXT COLLATE "C" PRIMARY KEY,
      removed_at_ms BIGINT NOT NULL,
      next_sequence BIGINT
    );
    CREATE INDEX erasures_due ON erasures (removed_at_ms);

    CREATE TABLE outbox (
      id                  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      delivery_id         TEXT COLLATE "C" NOT NULL UNIQUE,
      kind                TEXT NOT NULL,
      code_id             TEXT NOT NULL,
      user_id             TEXT COLLATE "C" NOT NULL,
      organization_id     TEXT COLLATE "C" NOT NULL,
      recipient           TEXT COLLATE "C" NOT NULL,
      recipient_folded    TEXT COLLATE "C" NOT NULL,
      url_template        TEXT NOT NULL,
      sealed_code         TEXT,
      accept_language     TEXT NOT NULL,
      new_address         TEXT NOT NULL,
      queued_at_ms        BIGINT NOT NULL,
      expires_at_ms       BIGINT NOT NULL,
      state               TEXT COLLATE "C" NOT NULL,
      due_at_ms           BIGINT,
      attempt             BIGINT NOT NULL DEFAULT 0,
      lease_id            TEXT,
      problem             TEXT,
      ended_at_ms         BIGINT,
      message_id          TEXT,
      cancel_requested_by TEXT
    ) WITH (fillfactor = 70);
    CREATE INDEX outbox_due ON outbox (due_at_ms, id) WHERE due_at_ms IS NOT NULL;
    CREATE INDEX outbox_queued ON outbox (queued_at_ms, id);
    CREATE INDEX outbox_user ON outbox (user_id, queued_at_ms, id);
    CREATE INDEX outbox_recipient ON outbox (recipient_folded, queued_at_ms, id);
    CREATE INDEX outbox_unsent ON outbox (queued_at_ms, id)
      WHERE state IN ('failed', 'cancelled', 'expired', 'bounced');

    CREATE TABLE delivery_log (
      outbox_id BIGINT NOT NULL,
      entry     BIGINT NOT NULL,
      at_ms     BIGINT NOT NULL,
      event     TEXT NOT NULL,
      PRIMARY KEY (outbox_id, entry)
    );

    CREATE TABLE suppressions (
      id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      organization_id TEXT COLLATE "C" NOT NULL,
      address_key     TEXT COLLATE "C" NOT NULL,
      address         TEXT NOT NULL,
      type            TEXT NOT NULL,
      enhanced_code   TEXT NOT NULL,
      diagnostic      TEXT NOT NULL,
      delivery_id     TEXT NOT NULL,
      created_at_ms   BIGINT NOT NULL,
      user_id         TEXT COLLATE "C" NOT NULL,
      UNIQUE (organization_id, address_key)
    );
    CREATE INDEX suppressions_user ON suppressions (user_id) WHERE user_id <> '';

    CREATE TABLE kept_replies (
      scope         TEXT COLLATE "C" PRIMARY KEY,
      fingerprint   TEXT NOT NULL,
      user_id       TEXT NOT NULL,
      details       TEXT NOT NULL,
      sealed_code   TEXT,
      expires_at_ms BIGINT NOT NULL
    );
    CREATE INDEX kept_replies_expiry ON kept_replies (expires_at_ms);

    CREATE TABLE inbox (
      id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      delivery_id    TEXT COLLATE "C" NOT NULL UNIQUE,
      received_at_ms BIGINT NOT NULL,
      sealed         TEXT NOT NULL
    );
    `,
  },
];

/** What this program brings a database to. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Any number will do, as long as it stays this one. Every start takes it. */
export const MIGRATION_LOCK = 6_720_412_815;
/** A migration may rewrite a table. */
const MIGRATION_TIMEOUT_MS = 60 * 60 * 1_000;

/**
 * Brings the database up to date; of several that start at once, one does it and the others wait.
 *
 * @throws Error when a newer version wrote it that this one must not serve
 */
export async function migrate(database: Database): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.query(
      `SELECT set_config('statement_timeout', '${MIGRATION_TIMEOUT_MS}', true), set_config('lock_timeout', '0', true)`,
    );
    await transaction.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`, [], MIGRATION_TIMEOUT_MS);
    await transaction.query(
      `CREATE TABLE IF NOT EXISTS schema_migrations
         (version INTEGER PRIMARY KEY, served_from INTEGER NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())`,
    );
    await applyMissing(transaction);
  });
}

/** @throws Error when the tables are not there, or not as this program makes them */
export async function refuseUnmigrated(database: Database): Promise<void> {
  const { rows } = await database.read<{ isThere: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS "isThere"`,
  );
  if (rows[0]?.isThere !== true) {
    throw new Error("it has no tables yet: the first start of the service makes them");
  }
  const { version, servedFrom } = await versionsOf((text) => database.read(text));
  if (servedFrom > MIGRATIONS.length) throw newerError(version);
  if (version < MIGRATIONS.length) {
    throw new Error(
      `it has schema version ${version}, this program knows ${MIGRATIONS.length}: start the service of this version first`,
    );
  }
}

async function applyMissing(transaction: Transaction): Promise<void> {
  const { version: applied, servedFrom } = await versionsOf((text) => transaction.query(text));
  if (servedFrom > MIGRATIONS.length) throw newerError(applied);
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < applied) continue;
    await transaction.query(migration.sql, [], MIGRATION_TIMEOUT_MS);
    await transaction.query("INSERT INTO schema_migrations (version, served_from) VALUES ($1, $2)", [
      index + 1,
      migration.servedFrom,
    ]);
  }
}

interface Versions {
  /** How many migrations were applied. */
  readonly version: number;
  /** How many a program has to know that serves the result. */
  readonly servedFrom: number;
}

async function versionsOf(
  ask: (text: string) => Promise<{ readonly rows: readonly Versions[] }>,
): Promise<Versions> {
  const { rows } = await ask(
    `SELECT coalesce(max(version), 0) AS version, coalesce(max(served_from), 0) AS "servedFrom" FROM schema_migrations`,
  );
  return rows[0] ?? { version: 0, servedFrom: 0 };
}

function newerError(version: number): Error {
  return new Error(
    `the database has schema version ${version}, this program knows ${MIGRATIONS.length}: run a newer Countersign`,
  );
}
