/** The mails of the dev inbox. */
import type { SealedInboxMail } from "../store.ts";
import type { Database } from "./database.ts";
import type { Statement } from "./session.ts";
import { isStorable } from "./sql-text.ts";

/** So many are kept; older ones make room. */
const MAX_MAILS = 500;

const COLUMNS = `delivery_id AS "deliveryId", received_at_ms AS "receivedAtMs", sealed`;
const INSERT: Statement = {
  name: "insert_inbox_mail",
  text: `INSERT INTO inbox (delivery_id, received_at_ms, sealed) VALUES ($1, $2, $3)
    ON CONFLICT (delivery_id) DO NOTHING`,
};
const TRIM: Statement = {
  name: "trim_inbox",
  text: `DELETE FROM inbox WHERE id <= (SELECT id FROM inbox ORDER BY id DESC OFFSET ${MAX_MAILS} LIMIT 1)`,
};
const RESEAL: Statement = {
  name: "reseal_inbox_mail",
  text: "UPDATE inbox SET sealed = $2 WHERE delivery_id = $1",
};
const SELECT_NEWEST: Statement = {
  name: "select_inbox",
  text: `SELECT ${COLUMNS} FROM inbox ORDER BY id DESC LIMIT $1`,
};
const SELECT_ONE: Statement = {
  name: "select_inbox_mail",
  text: `SELECT ${COLUMNS} FROM inbox WHERE delivery_id = $1`,
};

export async function addInboxMail(
  database: Database,
  { deliveryId, receivedAtMs, sealed }: SealedInboxMail,
): Promise<void> {
  await database.transaction(async (transaction) => {
    void transaction.defer(INSERT, [deliveryId, receivedAtMs, sealed]);
    void transaction.defer(TRIM);
  });
}

export async function resealInboxMail(database: Database, deliveryId: string, sealed: string): Promise<void> {
  await database.transaction(async (transaction) => void transaction.defer(RESEAL, [deliveryId, sealed]));
}

export async function listInboxMails(database: Database, limit: number): Promise<SealedInboxMail[]> {
  return [...(await database.read<SealedInboxMail>(SELECT_NEWEST, [limit])).rows];
}

export async function findInboxMail(
  database: Database,
  deliveryId: string,
): Promise<SealedInboxMail | undefined> {
  if (!isStorable(deliveryId)) return undefined;
  return (await database.read<SealedInboxMail>(SELECT_ONE, [deliveryId])).rows[0];
}
