/**
 * Erases the personal data of users who were deleted some time ago, a piece at a time.
 *
 * A deletion leaves a row in `erasures`, in its own transaction. When the time has come, pieces of a few milliseconds each
 * go over what is left of the user: first the mails (recipient, link, language, what relays said, the copy in the dev
 * inbox), then the events from the newest to the oldest, as far as they are there; with each address, and with each mail
 * that came back, goes the suppression, unless another user has the address: then it is that one's. The row tells how far that came and goes with the last piece, so a run that breaks off goes on later.
 * A user whose mail is being sent at the moment waits, for what the relay says may name the address; and so does one to
 * whose old address a notice is still on its way, which nothing takes back.
 *
 * Bytes that were deleted or overwritten do not stay in the file: the connection's secure_delete fills them with zeros. Two
 * kinds of copies are beyond that, and are cleaned up when a run has come to its end. The log (WAL) holds older versions of
 * pages until it is written over: it is emptied. And where SQLite moves rows from one page to another, the bytes of the
 * old page that are unused from then on keep what they were: VACUUM writes the file anew, as long as it is small enough to
 * do that while calls wait. docs/security.md says what to do with larger ones.
 */
import type { Database, Statement } from "better-sqlite3";
import { addressKey } from "../../verification/suppression.ts";
import { addressIn, withoutPersonalData } from "../../verification/user/erasure.ts";
import { BUSY_TIMEOUT_MS } from "./connection.ts";

/** Rows that one piece changes. Each lies on a page of its own: some 800 KiB of log. */
const ROWS_PER_PIECE = 200;
/** How long the log waits for readers to let go of it; all writes wait meanwhile. */
const CHECKPOINT_WAIT_MS = 50;

/** Calls wait for it: 0.3 s for 64 MiB, which are 37,000 users (measured). And it takes as much memory. */
const MAX_VACUUM_BYTES = 128 * 1024 * 1024;
/** Between two of them, whatever is erased meanwhile. */
const CLEAN_UP_INTERVAL_MS = 10 * 60_000;
/** In `metadata` from the first piece on until it is cleaned up. */
const UNCLEAN = "erased, to be cleaned up";

const USER_DELETED = "superseded: the user was deleted";

interface Due {
  readonly id: number;
  readonly userId: string;
  readonly nextPosition: number | null;
}

interface EventRow {
  readonly previous: number;
  readonly type: string;
  readonly payload: string;
  readonly organizationId: string;
  readonly clientAddress: string | null;
}

export interface ErasedPiece {
  /** Whether there may be more to do. */
  readonly more: boolean;
  /** Whether mails went from the dev inbox. */
  readonly mails: boolean;
}

export class Erasure {
  readonly #database: Database;
  readonly #statements: ReturnType<typeof prepare>;
  #cleanUpDue = false;
  /** On the clock of `performance.now()`. */
  #cleanedUpMs = -Infinity;

  constructor(database: Database) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** In the transaction that deletes the user. */
  note(userId: string, removedAtMs: number): void {
    this.#statements.insert.run(userId, removedAtMs);
  }

  /** @param removedBeforeMs users deleted later keep their data, milliseconds since the Unix epoch */
  erase(removedBeforeMs: number, nowMs: number): ErasedPiece {
    const piece = { rowsLeft: ROWS_PER_PIECE, mails: false };
    while (piece.rowsLeft > 0) {
      const due = this.#statements.due.get(removedBeforeMs) as Due | undefined;
      if (due === undefined) {
        this.#cleanUpDue = this.#statements.isUnclean.get(UNCLEAN) !== undefined;
        return { more: false, mails: piece.mails };
      }
      this.#statements.markUnclean.run(UNCLEAN);
      this.#eraseMails(due, nowMs, piece);
      this.#eraseEvents(due, piece);
    }
    return { more: true, mails: piece.mails };
  }

  /** Removes what copies there may be, after a run. To be called outside of transactions; does nothing at other times. */
  cleanUp(): void {
    const startedMs = performance.now();
    if (!this.#cleanUpDue || startedMs - this.#cleanedUpMs < CLEAN_UP_INTERVAL_MS) return;
    this.#cleanUpDue = false;
    this.#cleanedUpMs = startedMs;
    try {
      if (this.#bytes() <= MAX_VACUUM_BYTES) this.#database.exec("VACUUM");
      this.#database.pragma(`busy_timeout = ${CHECKPOINT_WAIT_MS}`);
      const [{ busy }] = this.#database.pragma("wal_checkpoint(TRUNCATE)") as [{ readonly busy: number }];
      if (busy === 0) this.#statements.markClean.run(UNCLEAN);
    } catch {
      // Whatever is wrong with the file, the next write will say so; a later run tries again.
    } finally {
      this.#database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  #bytes(): number {
    const pragma = (name: string) => this.#database.pragma(name, { simple: true }) as number;
    return pragma("page_count") * pragma("page_size");
  }

  #eraseMails({ userId }: Due, nowMs: number, piece: { rowsLeft: number; mails: boolean }): void {
    const { mails, cancelMail, eraseMail, deleteLog, deleteInboxMail } = this.#statements;
    const rows = mails.all(userId, piece.rowsLeft) as { id: number; deliveryId: string }[];
    for (const { id, deliveryId } of rows) {
      cancelMail.run({ id, nowMs });
      eraseMail.run(id);
      deleteLog.run(id);
      if (deleteInboxMail.run(deliveryId).changes > 0) piece.mails = true;
    }
    piece.rowsLeft -= rows.length;
  }

  /** Begins once no mail is left, and in the end forgets the user. */
  #eraseEvents({ id, userId, nextPosition }: Due, piece: { rowsLeft: number }): void {
    const { head, event, eraseEvent, goOn, forget } = this.#statements;
    let position = nextPosition ?? (head.get(userId) as number | undefined) ?? 0;
    for (; position > 0 && piece.rowsLeft > 0; piece.rowsLeft -= 1) {
      const row = event.get(position) as EventRow | undefined;
      if (row === undefined) {
        // Pruned, and all before it.
        position = 0;
        break;
      }
      const payload = JSON.parse(row.payload) as object;
      const left = JSON.stringify(withoutPersonalData(row.type, payload));
      if (left !== row.payload || row.clientAddress !== null) eraseEvent.run(left, position);
      const address = addressIn(payload);
      if (address !== undefined) this.#unsuppress(row.organizationId, address);
      position = row.previous;
    }
    if (position > 0 || piece.rowsLeft === 0) goOn.run(position, id);
    if (position === 0 && piece.rowsLeft > 0) {
      this.#unsuppressMailsOf(userId);
      forget.run(id);
      piece.rowsLeft -= 1;
    }
  }

  /** Where the event with the address was pruned. */
  #unsuppressMailsOf(userId: string): void {
    const { suppressed, handOver } = this.#statements;
    const rows = suppressed.all(userId) as { organizationId: string; address: string }[];
    for (const { organizationId, address } of rows) {
      this.#unsuppress(organizationId, address);
      handOver.run({ organizationId, address, key: addressKey(address) });
    }
  }

  #unsuppress(organizationId: string, address: string): void {
    this.#statements.unsuppress.run({ organizationId, address, key: addressKey(address) });
  }
}

function prepare(
  database: Database,
): Record<
  | "insert"
  | "due"
  | "goOn"
  | "forget"
  | "mails"
  | "cancelMail"
  | "eraseMail"
  | "deleteLog"
  | "deleteInboxMail"
  | "head"
  | "event"
  | "eraseEvent"
  | "unsuppress"
  | "suppressed"
  | "handOver"
  | "markUnclean"
  | "isUnclean"
  | "markClean",
  Statement
> {
  const sql = (text: string) => database.prepare(text);
  return {
    insert: sql("INSERT INTO erasures (user_id, removed_at_ms) VALUES (?, ?)"),
    due: sql(
      `SELECT id, user_id AS userId, next_position AS nextPosition FROM erasures
       WHERE removed_at_ms <= ?
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.user_id = erasures.user_id
           AND due_at_ms IS NOT NULL AND (state = 'sending' OR kind = 'notice'))
       ORDER BY removed_at_ms LIMIT 1`,
    ),
    goOn: sql("UPDATE erasures SET next_position = ? WHERE id = ?"),
    forget: sql("DELETE FROM erasures WHERE id = ?"),
    mails: sql(
      "SELECT id, delivery_id AS deliveryId FROM outbox WHERE user_id = ? AND recipient <> '' LIMIT ?",
    ),
    cancelMail: sql(
      `UPDATE outbox SET state = 'cancelled', due_at_ms = NULL, sealed_code = NULL, ended_at_ms = @nowMs
       WHERE id = @id AND due_at_ms IS NOT NULL`,
    ),
    eraseMail: sql(
      `UPDATE outbox SET recipient = '', url_template = '', accept_language = '', new_address = '',
         problem = CASE WHEN state = 'cancelled' THEN '${USER_DELETED}' END
       WHERE id = ?`,
    ),
    deleteLog: sql("DELETE FROM delivery_log WHERE outbox_id = ?"),
    deleteInboxMail: sql("DELETE FROM inbox WHERE delivery_id = ?"),
    head: sql("SELECT position FROM aggregates WHERE type = 'user' AND id = ?").pluck(),
    event: sql(
      `SELECT previous, type, payload, organization_id AS organizationId, client_address AS clientAddress
       FROM events WHERE position = ?`,
    ),
    eraseEvent: sql("UPDATE events SET payload = ?, client_address = NULL WHERE position = ?"),
    unsuppress: sql(
      `DELETE FROM suppressions WHERE organization_id = @organizationId AND address_key = @key
         AND NOT EXISTS (SELECT 1 FROM users
           WHERE users.organization_id = @organizationId AND users.email IN (@address, @key))`,
    ),
    suppressed: sql(
      "SELECT organization_id AS organizationId, address FROM suppressions WHERE user_id <> '' AND user_id = ?",
    ),
    handOver: sql(
      `UPDATE suppressions SET user_id = (SELECT id FROM users
         WHERE users.organization_id = @organizationId AND users.email IN (@address, @key) LIMIT 1)
       WHERE organization_id = @organizationId AND address_key = @key`,
    ),
    markUnclean: sql("INSERT INTO metadata (key, value) VALUES (?, '') ON CONFLICT DO NOTHING"),
    isUnclean: sql("SELECT 1 FROM metadata WHERE key = ?"),
    markClean: sql("DELETE FROM metadata WHERE key = ?"),
  };
}
