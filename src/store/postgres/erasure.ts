/**
 * Erases the personal data of users who were deleted some time ago, a piece at a time.
 *
 * A deletion leaves a row in `erasures`, in its own transaction. When the time has come, pieces, each a transaction, go
 * over what is left of the user: first the mails (recipient, link, language, what relays said, the copy in the dev inbox),
 * then the events from the newest to the oldest, and with each address its suppression, unless another user has the
 * address; and what is suppressed of the user's mails, where the events are gone. The row tells how far that came and goes with the last piece, so a run that breaks off goes on later.
 *
 * Instances share the work: each holds the row of its user while it is at a piece, and passes over rows that others hold.
 * A user whose mail is being sent at the moment waits, for what the relay says may name the address; and so does one to
 * whose old address a notice is still on its way, which nothing takes back.
 *
 * What PostgreSQL overwrites or deletes stays in its files until a vacuum comes by, and longer in the bytes that this
 * leaves unused, in the write-ahead log and in backups: docs/security.md says what that means.
 */
import { addressKey } from "../../verification/suppression.ts";
import { addressIn, withoutPersonalData } from "../../verification/user/erasure.ts";
import type { PlacedEvent } from "../recording.ts";
import type { Transaction } from "./database.ts";
import { byText } from "./order.ts";
import type { Statement } from "./session.ts";

/** Mails or events that one piece changes. */
const ROWS_PER_PIECE = 200;
const USER_DELETED = "superseded: the user was deleted";

const INSERT: Statement = {
  name: "insert_erasures",
  text: `INSERT INTO erasures (user_id, removed_at_ms)
    SELECT "userId", "removedAtMs" FROM json_to_recordset($1) AS r ("userId" TEXT, "removedAtMs" BIGINT)`,
};
/** What holds a user up. */
const IS_BUSY = "due_at_ms IS NOT NULL AND (state = 'sending' OR kind = 'notice')";
const SELECT_DUE: Statement = {
  name: "select_erasure",
  text: `SELECT user_id AS "userId", next_sequence AS "nextSequence" FROM erasures e
    WHERE removed_at_ms <= $1 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.user_id = e.user_id AND ${IS_BUSY})
    ORDER BY removed_at_ms, user_id LIMIT 1 FOR UPDATE OF e SKIP LOCKED`,
};
const LOCK_MAILS: Statement = {
  name: "lock_erased_mails",
  text: `SELECT id, delivery_id AS "deliveryId", ${IS_BUSY} AS "isBusy" FROM outbox
    WHERE user_id = $1 AND recipient <> '' ORDER BY id LIMIT ${ROWS_PER_PIECE} FOR UPDATE`,
};
const ERASE_MAILS: Statement = {
  name: "erase_mails",
  text: `UPDATE outbox SET recipient = '', recipient_folded = '', url_template = '', accept_language = '', new_address = '',
      problem = CASE WHEN state = 'cancelled' OR due_at_ms IS NOT NULL THEN '${USER_DELETED}' END,
      state = CASE WHEN due_at_ms IS NULL THEN state ELSE 'cancelled' END,
      sealed_code = CASE WHEN due_at_ms IS NULL THEN sealed_code END,
      ended_at_ms = CASE WHEN due_at_ms IS NULL THEN ended_at_ms ELSE $2 END,
      due_at_ms = NULL
    WHERE id = ANY($1)`,
};
const DELETE_TIMELINES: Statement = {
  name: "delete_timelines",
  text: "DELETE FROM delivery_log WHERE outbox_id = ANY($1)",
};
const DELETE_INBOX_MAILS: Statement = {
  name: "delete_inbox_mails",
  text: "DELETE FROM inbox WHERE delivery_id = ANY($1)",
};
const SELECT_EVENTS: Statement = {
  name: "select_erased_events",
  text: `SELECT position, sequence, type, payload, organization_id AS "organizationId", client_address AS "clientAddress"
    FROM events WHERE aggregate_type = 'user' AND aggregate_id = $1 AND sequence <= $2
    ORDER BY sequence DESC LIMIT ${ROWS_PER_PIECE}`,
};
const ERASE_EVENTS: Statement = {
  name: "erase_events",
  text: `UPDATE events SET payload = r.payload, client_address = NULL
    FROM json_to_recordset($1) AS r (position BIGINT, payload TEXT) WHERE events.position = r.position`,
};
const UNSUPPRESS: Statement = {
  name: "unsuppress_erased",
  text: `DELETE FROM suppressions s
    USING json_to_recordset($1) AS r ("organizationId" TEXT, address TEXT, key TEXT)
    WHERE s.organization_id = r."organizationId" AND s.address_key = r.key
      AND NOT EXISTS (SELECT 1 FROM users u
        WHERE u.organization_id = r."organizationId" AND u.email IN (r.address, r.key))`,
};
/** Where the event with the address was pruned. */
const UNSUPPRESS_MAILS: Statement = {
  name: "unsuppress_mails",
  text: `DELETE FROM suppressions s WHERE s.user_id <> '' AND s.user_id = $1
      AND NOT EXISTS (SELECT 1 FROM users u
        WHERE u.organization_id = s.organization_id AND u.email IN (s.address, s.address_key))`,
};
/** To another user of the address. */
const HAND_OVER: Statement = {
  name: "hand_over_suppressions",
  text: `UPDATE suppressions s SET user_id = (SELECT u.id FROM users u
        WHERE u.organization_id = s.organization_id AND u.email IN (s.address, s.address_key) ORDER BY u.id LIMIT 1)
    WHERE s.user_id <> '' AND s.user_id = $1`,
};
const GO_ON: Statement = {
  name: "go_on_erasing",
  text: "UPDATE erasures SET next_sequence = $2 WHERE user_id = $1",
};
const FORGET: Statement = { name: "forget_erasure", text: "DELETE FROM erasures WHERE user_id = $1" };

interface Due {
  readonly userId: string;
  readonly nextSequence: number | null;
}

interface Mail {
  readonly id: number;
  readonly deliveryId: string;
  readonly isBusy: boolean;
}

interface EventRow {
  readonly position: number;
  readonly sequence: number;
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

/** Defers the notes of deletions, in the transaction that deletes the users. */
export function writeErasures(transaction: Transaction, removals: readonly PlacedEvent[]): void {
  if (removals.length === 0) return;
  const rows = removals
    .map(({ aggregateId, createdAtMs }) => ({ userId: aggregateId, removedAtMs: createdAtMs }))
    .toSorted((a, b) => byText(a.userId, b.userId));
  void transaction.defer(INSERT, [JSON.stringify(rows)]);
}

/** @param removedBeforeMs users deleted later keep their data, milliseconds since the Unix epoch */
export async function erasePiece(
  transaction: Transaction,
  removedBeforeMs: number,
  nowMs: number,
): Promise<ErasedPiece> {
  const { rows } = await transaction.query<Due>(SELECT_DUE, [removedBeforeMs]);
  const [due] = rows;
  if (due === undefined) return { more: false, mails: false };
  const { rows: mails } = await transaction.query<Mail>(LOCK_MAILS, [due.userId]);
  // Somebody took one to send it since the first look, which the next one sees.
  if (mails.some(({ isBusy }) => isBusy)) return { more: true, mails: false };
  if (mails.length > 0) return { more: true, mails: await eraseMails(transaction, mails, nowMs) };
  await eraseEvents(transaction, due);
  return { more: true, mails: false };
}

/** @returns whether one of them was in the dev inbox */
async function eraseMails(transaction: Transaction, mails: readonly Mail[], nowMs: number): Promise<boolean> {
  const ids = mails.map(({ id }) => id);
  void transaction.defer(ERASE_MAILS, [ids, nowMs]);
  void transaction.defer(DELETE_TIMELINES, [ids]);
  const deliveryIds = mails.map(({ deliveryId }) => deliveryId);
  return (await transaction.query(DELETE_INBOX_MAILS, [deliveryIds])).count > 0;
}

async function eraseEvents(transaction: Transaction, { userId, nextSequence }: Due): Promise<void> {
  const from = nextSequence ?? Number.MAX_SAFE_INTEGER;
  const { rows } = await transaction.query<EventRow>(SELECT_EVENTS, [userId, from]);
  const erased: { position: number; payload: string }[] = [];
  const addresses: { organizationId: string; address: string; key: string }[] = [];
  for (const { position, type, payload, organizationId, clientAddress } of rows) {
    const before = JSON.parse(payload) as object;
    const left = JSON.stringify(withoutPersonalData(type, before));
    if (left !== payload || clientAddress !== null) erased.push({ position, payload: left });
    const address = addressIn(before);
    if (address !== undefined) addresses.push({ organizationId, address, key: addressKey(address) });
  }
  if (erased.length > 0) void transaction.defer(ERASE_EVENTS, [JSON.stringify(erased)]);
  if (addresses.length > 0) void transaction.defer(UNSUPPRESS, [JSON.stringify(addresses)]);
  const last = rows.at(-1);
  if (last === undefined || rows.length < ROWS_PER_PIECE) {
    for (const statement of [UNSUPPRESS_MAILS, HAND_OVER, FORGET])
      void transaction.defer(statement, [userId]);
  } else void transaction.defer(GO_ON, [userId, last.sequence - 1]);
}
