/**
 * Which keys the database still depends on.
 *
 * Codes are found in the snapshots of all users, a thousand at a time, so that nothing else waits long; mails that are
 * queued with a code by the index of what is due; answers kept with a code among all that are kept.
 */
import type { WaitingCode } from "../../verification/user/state.ts";
import type { KeyUse } from "../store.ts";
import type { Database } from "./database.ts";
import type { Statement } from "./session.ts";

const USERS_AT_A_TIME = 1_000;

/** What is read of a code in a snapshot. */
type Code = Pick<WaitingCode, "mac" | "expiresAtMs">;
/** The newest code, the spent one and the older ones, as far as there are any. */
type Codes = readonly [Code | null, Code | null, readonly Code[] | null];

const SELECT_CODES: Statement = {
  name: "select_codes",
  text: `SELECT id, json_build_array(state::json -> 'code', state::json -> 'spentCode', state::json -> 'olderCodes')::text
      AS codes
    FROM aggregates WHERE type = 'user' AND id > $1 ORDER BY id LIMIT ${USERS_AT_A_TIME}`,
};
const SEALED_UNTIL = `SELECT split_part(sealed_code, '.', 1) AS "keyId", max(expires_at_ms) AS "untilMs"`;
const SELECT_QUEUED: Statement = {
  name: "select_queued_keys",
  text: `${SEALED_UNTIL} FROM outbox WHERE due_at_ms IS NOT NULL AND sealed_code IS NOT NULL GROUP BY 1`,
};
const SELECT_KEPT: Statement = {
  name: "select_kept_keys",
  text: `${SEALED_UNTIL} FROM kept_replies WHERE sealed_code IS NOT NULL GROUP BY 1`,
};
const SELECT_INBOX: Statement = {
  name: "select_inbox_keys",
  text: `SELECT split_part(sealed, '.', 1) AS "keyId", count(*) AS mails FROM inbox GROUP BY 1`,
};

export async function readKeyUses(
  database: Database,
  onProgress?: (users: number) => void,
): Promise<KeyUse[]> {
  const untilMs = new Map<string, number>();
  const note = (keyId: string, ms: number) => untilMs.set(keyId, Math.max(ms, untilMs.get(keyId) ?? 0));
  let users = 0;
  for await (const chunk of readCodes(database)) {
    for (const [code, spentCode, olderCodes] of chunk) {
      for (const each of [code, spentCode, ...(olderCodes ?? [])]) {
        if (each !== null) note(each.mac.keyId, each.expiresAtMs);
      }
    }
    users += chunk.length;
    onProgress?.(users);
  }
  for (const statement of [SELECT_QUEUED, SELECT_KEPT]) {
    const { rows } = await database.read<{ keyId: string; untilMs: number }>(statement);
    for (const row of rows) note(row.keyId, row.untilMs);
  }
  const inbox = await database.read<{ keyId: string; mails: number }>(SELECT_INBOX);
  const mails = new Map(inbox.rows.map((row) => [row.keyId, row.mails]));
  return [...new Set([...untilMs.keys(), ...mails.keys()])].map((keyId) => ({
    keyId,
    codesUntilMs: untilMs.get(keyId),
    inboxMails: mails.get(keyId) ?? 0,
  }));
}

async function* readCodes(database: Database): AsyncGenerator<readonly Codes[]> {
  let lastId = "";
  for (;;) {
    const { rows } = await database.read<{ id: string; codes: string }>(SELECT_CODES, [lastId]);
    if (rows.length === 0) return;
    yield rows.map(({ codes }) => JSON.parse(codes) as Codes);
    lastId = rows.at(-1)?.id ?? "";
  }
}
