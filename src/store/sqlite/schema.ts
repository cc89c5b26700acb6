/**
 * The tables, as numbered migrations. A migration never changes once it was released; `user_version` tells how many ran.
 *
 * - `events` is the record: append-only, in commit order, without a secondary index. `previous` chains the events of one
 *   aggregate, newest to oldest, so that one aggregate's history is read by point look-ups.
 * - `aggregates` holds the snapshot that commands load. `users` repeats what lists search; it changes only when that does.
 * - `delivery_log` is the timeline of an outbox row, an entry for each attempt; `event` is a TimelineEvent of the port.
 * - `buckets` are the counters; `bucket_log` holds what was raised since they were written last, see bucket-table.ts.
 * - `reply_batches` are the answers of calls that may be sent again, in the order in which they were given (see
 *   verification/user/idempotency.ts); `reply_index` finds them, see reply-table.ts; the view `kept_replies` shows them
 *   one by one.
 * - `access_tokens` finds tokens by their hash; when one was used last stands here alone, it is no event.
 * - `erasures` are the deleted users whose personal data is still there, see erasure.ts.
 * - `outbox_due` covers pending rows only, so it stays as small as the backlog; with the state in it they are counted
 *   without a look at the rows.
 */
import type { Database } from "better-sqlite3";

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;

  CREATE TABLE events (
    position        INTEGER PRIMARY KEY,
    previous        INTEGER NOT NULL,
    aggregate_type  TEXT NOT NULL,
    aggregate_id    TEXT NOT NULL,
    sequence        INTEGER NOT NULL,
    type            TEXT NOT NULL,
    payload         TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    editor          TEXT NOT NULL
  ) STRICT;

  CREATE TABLE aggregates (
    type     TEXT NOT NULL,
    id       TEXT NOT NULL,
    position INTEGER NOT NULL,
    state    TEXT NOT NULL,
    PRIMARY KEY (type, id)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE claims (
    scope        TEXT NOT NULL,
    value        TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    PRIMARY KEY (scope, value)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE buckets (
    bucket        TEXT PRIMARY KEY,
    used          INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE users (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL,
    status          TEXT NOT NULL,
    username        TEXT NOT NULL,
    given_name      TEXT NOT NULL,
    family_name     TEXT NOT NULL,
    nick_name       TEXT NOT NULL,
    display_name    TEXT NOT NULL,
    email           TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX users_username ON users (username);
  CREATE INDEX users_email ON users (email);

  CREATE TABLE access_tokens (
    hash               TEXT PRIMARY KEY,
    token_id           TEXT NOT NULL UNIQUE,
    service_account_id TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    delivery_id     TEXT NOT NULL,
    code_id         TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    recipient       TEXT NOT NULL,
    url_template    TEXT NOT NULL,
    sealed_code     TEXT,
    queued_at_ms    INTEGER NOT NULL,
    expires_at_ms   INTEGER NOT NULL,
    state           TEXT NOT NULL,
    due_at_ms       INTEGER,
    attempt         INTEGER NOT NULL DEFAULT 0,
    lease_id        TEXT,
    problem         TEXT,
    ended_at_ms     INTEGER
  ) STRICT;
  CREATE INDEX outbox_due ON outbox (due_at_ms) WHERE due_at_ms IS NOT NULL;

  CREATE TABLE inbox (
    id             INTEGER PRIMARY KEY,
    delivery_id    TEXT NOT NULL UNIQUE,
    received_at_ms INTEGER NOT NULL,
    sealed         TEXT NOT NULL
  ) STRICT;
  `,
  `
  DROP INDEX outbox_due;
  CREATE INDEX outbox_due ON outbox (due_at_ms, state) WHERE due_at_ms IS NOT NULL;
  `,
  // Snapshots of users remember older codes from here on; a spent code has its id, without which it repeats nothing.
  `
  UPDATE aggregates SET state = json_set(state, '$.olderCodes', json('[]'), '$.spentCode', NULL) WHERE type = 'user';
  `,
  // Deliveries are listed and looked up, so the outbox gets indexes. Two of them lie in no order of time, by user and by
  // recipient; the others grow at their end. The last covers what went wrong, which is little.
  `
  ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'code';
  ALTER TABLE outbox ADD COLUMN accept_language TEXT NOT NULL DEFAULT '';
  ALTER TABLE outbox ADD COLUMN message_id TEXT;
  ALTER TABLE outbox ADD COLUMN cancel_requested_by TEXT;
  CREATE UNIQUE INDEX outbox_delivery ON outbox (delivery_id);
  CREATE INDEX outbox_queued ON outbox (queued_at_ms, id, organization_id);
  CREATE INDEX outbox_user ON outbox (user_id, queued_at_ms);
  CREATE INDEX outbox_recipient ON outbox (lower(recipient), queued_at_ms);
  CREATE INDEX outbox_unsent ON outbox (queued_at_ms, id, state, organization_id)
    WHERE state IN ('failed', 'cancelled', 'expired', 'bounced');

  CREATE TABLE delivery_log (
    outbox_id INTEGER NOT NULL,
    entry     INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    event     TEXT NOT NULL,
    PRIMARY KEY (outbox_id, entry)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE suppressions (
    id              INTEGER PRIMARY KEY,
    organization_id TEXT NOT NULL,
    address_key     TEXT NOT NULL,
    address         TEXT NOT NULL,
    type            TEXT NOT NULL,
    enhanced_code   TEXT NOT NULL,
    diagnostic      TEXT NOT NULL,
    delivery_id     TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    UNIQUE (organization_id, address_key)
  ) STRICT;
  `,
  // Scope and fingerprint are digests; the code in an answer is sealed.
  `
  CREATE TABLE kept_replies (
    scope         TEXT PRIMARY KEY,
    fingerprint   TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    details       TEXT NOT NULL,
    sealed_code   TEXT,
    expires_at_ms INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX kept_replies_expiry ON kept_replies (expires_at_ms);
  `,
  // Notices to old addresses say the new one, masked.
  `
  ALTER TABLE outbox ADD COLUMN new_address TEXT NOT NULL DEFAULT '';
  `,
  // Where events came from: absent in older ones, and in those that Countersign caused by itself.
  `
  ALTER TABLE events ADD COLUMN request_id TEXT;
  ALTER TABLE events ADD COLUMN client_address TEXT;
  `,
  // Tokens are listed, may expire and be revoked; accounts may be deactivated; organizations have settings. Until now
  // there were only tokens of the first start, whose last event set the hash.
  `
  ALTER TABLE access_tokens ADD COLUMN organization_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE access_tokens ADD COLUMN added_at_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE access_tokens ADD COLUMN expires_at_ms INTEGER;
  ALTER TABLE access_tokens ADD COLUMN revoked_at_ms INTEGER;
  ALTER TABLE access_tokens ADD COLUMN last_used_at_ms INTEGER;
  CREATE INDEX access_tokens_id ON access_tokens (token_id);
  CREATE INDEX access_tokens_account ON access_tokens (service_account_id, token_id);
  UPDATE access_tokens SET (organization_id, added_at_ms) =
    (SELECT state ->> '$.organizationId', state ->> '$.changedAtMs' FROM aggregates
     WHERE type = 'access_token' AND id = token_id);
  UPDATE aggregates SET state = json_set(state, '$.addedAtMs', state ->> '$.changedAtMs', '$.expiresAtMs', NULL,
    '$.revokedAtMs', NULL) WHERE type = 'access_token';
  UPDATE aggregates SET state = json_set(state, '$.status', 'active') WHERE type = 'service_account';
  UPDATE aggregates SET state = json_set(state, '$.settings', json('{"linkHosts":[],"senderName":"","senderAddress":"",
    "templateFolder":"","notices":true,"displayName":"","logoUrl":"","color":""}')) WHERE type = 'organization';
  `,
  // Users who were deleted before are erased like all others.
  `
  CREATE TABLE erasures (
    id            INTEGER PRIMARY KEY,
    user_id       TEXT NOT NULL,
    removed_at_ms INTEGER NOT NULL,
    next_position INTEGER
  ) STRICT;
  CREATE INDEX erasures_due ON erasures (removed_at_ms);
  INSERT INTO erasures (user_id, removed_at_ms)
    SELECT id, state ->> '$.changedAtMs' FROM aggregates WHERE type = 'user' AND state ->> '$.status' = 'deleted';
  `,
  // Answers are kept in the order in which they come, with an index of their own. Those of before are given up: they live
  // for a day, and a caller that repeats one of them within the upgrade has its effect twice at worst.
  `
  DROP TABLE kept_replies;
  CREATE TABLE kept_replies (
    id            INTEGER PRIMARY KEY,
    scope_start   TEXT NOT NULL,
    scope         TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    details       TEXT NOT NULL,
    sealed_code   TEXT,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE reply_index (
    scope_start TEXT NOT NULL,
    reply_id    INTEGER NOT NULL,
    PRIMARY KEY (scope_start, reply_id)
  ) WITHOUT ROWID, STRICT;
  `,
  // What a batch raises of the counters is one row, and so are the answers that it keeps. Answers of before become
  // batches of one.
  `
  CREATE TABLE bucket_log (id INTEGER PRIMARY KEY, counters TEXT NOT NULL) STRICT;

  CREATE TABLE reply_batches (
    id            INTEGER PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL,
    replies       TEXT NOT NULL
  ) STRICT;
  INSERT INTO reply_batches (id, expires_at_ms, replies)
    SELECT id, expires_at_ms, json_array(json_object('scope', scope, 'fingerprint', fingerprint, 'userId', user_id,
      'details', json(details), 'sealedCode', sealed_code, 'expiresAtMs', expires_at_ms)) FROM kept_replies;
  DROP TABLE kept_replies;
  ALTER TABLE reply_index RENAME COLUMN reply_id TO batch_id;

  CREATE VIEW kept_replies AS
    SELECT value ->> '$.scope' AS scope, value ->> '$.userId' AS user_id, value ->> '$.sealedCode' AS sealed_code,
      value ->> '$.expiresAtMs' AS expires_at_ms
    FROM reply_batches, json_each(reply_batches.replies);
  `,
  // Suppressions know whose they are: an erasure finds them where the events that name the address were pruned.
  `
  ALTER TABLE suppressions ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
  UPDATE suppressions SET user_id =
    coalesce((SELECT user_id FROM outbox WHERE outbox.delivery_id = suppressions.delivery_id), '');
  CREATE INDEX suppressions_user ON suppressions (user_id) WHERE user_id <> '';
  `,
  // A snapshot is many times longer than its key. In a table WITHOUT ROWID snapshots stand in the inner pages of the tree
  // too, which makes it two to three times as deep.
  `
  ALTER TABLE aggregates RENAME TO keyed_aggregates;
  CREATE TABLE aggregates (
    row      INTEGER PRIMARY KEY,
    type     TEXT NOT NULL,
    id       TEXT NOT NULL,
    position INTEGER NOT NULL,
    state    TEXT NOT NULL,
    UNIQUE (type, id)
  ) STRICT;
  INSERT INTO aggregates (type, id, position, state) SELECT type, id, position, state FROM keyed_aggregates;
  DROP TABLE keyed_aggregates;
  `,
  // The codes of a batch's answers are sealed together: an answer says where among them its code stands.
  `
  ALTER TABLE reply_batches ADD COLUMN sealed_codes TEXT NOT NULL DEFAULT '';
  DROP VIEW kept_replies;
  CREATE VIEW kept_replies AS
    SELECT value ->> '$.scope' AS scope, value ->> '$.userId' AS user_id,
      iif(value ->> '$.sealedCode' LIKE '#%', sealed_codes, '') || (value ->> '$.sealedCode') AS sealed_code,
      value ->> '$.expiresAtMs' AS expires_at_ms
    FROM reply_batches, json_each(reply_batches.replies);
  `,
];

/** The version that this program brings a database to. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Whether there is nothing to migrate. */
export function isCurrent(database: Database): boolean {
  return database.pragma("user_version", { simple: true }) === SCHEMA_VERSION;
}

/**
 * Brings the database up to date.
 *
 * @param target version to stop at, for tests of migrations. Default: the newest
 * @throws Error when a newer version wrote it
 */
export function migrate(database: Database, target: number = MIGRATIONS.length): void {
  const applied = database.pragma("user_version", { simple: true }) as number;
  if (applied > MIGRATIONS.length) {
    throw new Error(
      `the database has schema version ${applied}, this program knows ${MIGRATIONS.length}: run a newer Countersign`,
    );
  }
  for (let version = applied; version < target; version++) {
    database.transaction(() => {
      database.exec(MIGRATIONS[version] ?? "");
      database.pragma(`user_version = ${version + 1}`);
    })();
  }
}
