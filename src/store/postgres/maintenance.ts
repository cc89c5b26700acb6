/**
 * What is done beside the calls, a part at a time, each in a transaction of its own: calls pass between the parts. What
 * another instance is at meanwhile is passed over.
 */
import type { MaintenanceTask } from "../store.ts";
import type { Transaction } from "./database.ts";
import { pruneDeliveries } from "./ended-deliveries.ts";
import { erasePiece } from "./erasure.ts";
import { pruneEvents } from "./old-events.ts";
import { byText } from "./order.ts";
import type { Statement } from "./session.ts";

const PRUNED_AT_A_TIME = 1_000;

// Arrays, because for a join the planner may read the whole table.
const PRUNE_BUCKETS: Statement = {
  name: "prune_buckets",
  text: `DELETE FROM buckets WHERE bucket = ANY (ARRAY(SELECT bucket FROM buckets WHERE expires_at_ms <= $1
    LIMIT ${PRUNED_AT_A_TIME} FOR UPDATE SKIP LOCKED))`,
};
const PRUNE_REPLIES: Statement = {
  name: "prune_replies",
  text: `DELETE FROM kept_replies WHERE scope = ANY (ARRAY(SELECT scope FROM kept_replies WHERE expires_at_ms <= $1
    LIMIT ${PRUNED_AT_A_TIME} FOR UPDATE SKIP LOCKED))`,
};
const LOCK_TOKENS: Statement = {
  name: "lock_used_tokens",
  text: "SELECT token_id FROM access_tokens WHERE token_id = ANY($1) ORDER BY token_id FOR NO KEY UPDATE",
};
const NOTE_USES: Statement = {
  name: "note_token_uses",
  text: `UPDATE access_tokens t SET last_used_at_ms = r."usedAtMs"
    FROM json_to_recordset($1) AS r ("tokenId" TEXT, "usedAtMs" BIGINT)
    WHERE t.token_id = r."tokenId" AND (t.last_used_at_ms IS NULL OR t.last_used_at_ms < r."usedAtMs")`,
};

export interface MaintainedPart {
  /** Whether there may be more to do. */
  readonly more: boolean;
  /** Whether mails went from the dev inbox. Absent: they did not. */
  readonly mails?: boolean;
  /** How far it came, for the next part. Absent where each part finds by itself what is left. */
  readonly reached?: number;
}

/** @param reached how far the part before this one came; 0 for the first */
export async function maintainPart(
  transaction: Transaction,
  task: MaintenanceTask,
  reached: number,
): Promise<MaintainedPart> {
  switch (task.kind) {
    case "pruneDeliveries":
      return await pruneDeliveries(transaction, task.endedBeforeMs);
    case "pruneEvents":
      return await pruneEvents(transaction, task.recordedBeforeMs, reached);
    case "pruneBuckets":
      return await prune(transaction, PRUNE_BUCKETS, task.nowMs);
    case "pruneReplies":
      return await prune(transaction, PRUNE_REPLIES, task.nowMs);
    case "eraseUsers":
      return await erasePiece(transaction, task.removedBeforeMs, task.nowMs);
    case "recordTokenUses":
      return await recordTokenUses(transaction, task);
  }
}

async function prune(transaction: Transaction, statement: Statement, nowMs: number): Promise<MaintainedPart> {
  const { count } = await transaction.query(statement, [nowMs]);
  return { more: count === PRUNED_AT_A_TIME };
}

async function recordTokenUses(
  transaction: Transaction,
  { uses }: Extract<MaintenanceTask, { kind: "recordTokenUses" }>,
): Promise<MaintainedPart> {
  const latest = new Map<string, number>();
  for (const { tokenId, usedAtMs } of uses) {
    latest.set(tokenId, Math.max(usedAtMs, latest.get(tokenId) ?? -Infinity));
  }
  const rows = [...latest].map(([tokenId, usedAtMs]) => ({ tokenId, usedAtMs }));
  await transaction.query(LOCK_TOKENS, [[...latest.keys()].toSorted(byText)]);
  void transaction.defer(NOTE_USES, [JSON.stringify(rows)]);
  return { more: false };
}
