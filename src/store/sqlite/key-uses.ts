/**
 * Which keys the database still depends on.
 *
 * Codes are found in the snapshots of all users, a thousand at a time, so that nothing else waits long; mails that are
 * queued with a code by the index of what is due; answers kept with a code among all that are kept. There is no index by key: a service writes codes all day long and is
 * asked this a few times a year.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "better-sqlite3";
import type { WaitingCode } from "../../verification/user/state.ts";
import type { KeyUse } from "../store.ts";

const USERS_AT_A_TIME = 1_000;

/** What is read of a code in a snapshot. */
type Code = Pick<WaitingCode, "mac" | "expiresAtMs">;
/** The newest code, the spent one and the older ones, as far as there are any. */
type Codes = readonly [Code | null, Code | null, readonly Code[] | null];

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

  const queued = database.prepare(
    `SELECT substr(sealed_code, 1, instr(sealed_code, '.') - 1) AS keyId, max(expires_at_ms) AS untilMs
     FROM outbox WHERE due_at_ms IS NOT NULL AND sealed_code IS NOT NULL GROUP BY 1`,
  );
  for (const row of queued.all() as { keyId: string; untilMs: number }[]) note(row.keyId, row.untilMs);

  const kept = database.prepare(
    `SELECT substr(sealed_code, 1, instr(sealed_code, '.') - 1) AS keyId, max(expires_at_ms) AS untilMs
     FROM kept_replies WHERE sealed_code IS NOT NULL GROUP BY 1`,
  );
  for (const row of kept.all() as { keyId: string; untilMs: number }[]) note(row.keyId, row.untilMs);

  const inbox = database.prepare(
    "SELECT substr(sealed, 1, instr(sealed, '.') - 1) AS keyId, count(*) AS mails FROM inbox GROUP BY 1",
  );
  const mails = new Map(
    (inbox.all() as { keyId: string; mails: number }[]).map((row) => [row.keyId, row.mails]),
  );

  return [...new Set([...untilMs.keys(), ...mails.keys()])].map((keyId) => ({
    keyId,
    codesUntilMs: untilMs.get(keyId),
    inboxMails: mails.get(keyId) ?? 0,
  }));
}

async function* readCodes(database: Database): AsyncGenerator<readonly Codes[]> {
  const users = database.prepare(
    `SELECT id, json_extract(state, '$.code', '$.spentCode', '$.olderCodes') AS codes
     FROM aggregates WHERE type = 'user' AND id > ? ORDER BY id LIMIT ${USERS_AT_A_TIME}`,
  );
  let lastId = "";
  for (;;) {
    const rows = users.all(lastId) as { id: string; codes: string }[];
    if (rows.length === 0) return;
    yield rows.map(({ codes }) => JSON.parse(codes) as Codes);
    lastId = rows.at(-1)?.id ?? "";
    await nextTurn();
  }
}
