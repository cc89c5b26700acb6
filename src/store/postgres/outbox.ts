/**
 * The outbox rows. What their states mean stands in mail/dispatcher.ts; here are the statements that move them.
 *
 * Any number of instances claims at the same time: a claim passes over rows that another has locked (SKIP LOCKED). The
 * lease's text carries the row's id. A row whose lease is over is due again: its process died, or lost the row to a
 * stall.
 */
import { randomUUID } from "node:crypto";
import type { Environment } from "../../verification/environment.ts";
import type { DeliveryKind, DeliveryState } from "../deliveries.ts";
import { cancelledBy, settlementEntries } from "../delivery-rules.ts";
import type { ClaimedDelivery, Settlement } from "../store.ts";
import type { Database, Transaction } from "./database.ts";
import { writeEntries, type NewEntry } from "./delivery-log.ts";
import type { Statement } from "./session.ts";
import { storable } from "./sql-text.ts";
import { UnitOfWork, type CommandTask, type Effects } from "./unit-of-work.ts";

const CLAIM: Statement = {
  name: "claim_deliveries",
  // An array, because of a join the planner may think that a table read as a whole is cheaper: it cannot know the limit.
  text: `UPDATE outbox SET state = 'sending', attempt = attempt + 1, lease_id = $3, due_at_ms = $4
    WHERE id = ANY (ARRAY(
      SELECT id FROM outbox WHERE due_at_ms <= $1 ORDER BY due_at_ms, id LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING delivery_id AS "deliveryId", kind, code_id AS "codeId", user_id AS "userId",
      organization_id AS "organizationId", recipient, url_template AS "urlTemplate",
      coalesce(sealed_code, '') AS "sealedCode", accept_language AS "acceptLanguage",
      new_address AS "newAddress", expires_at_ms AS "expiresAtMs",
      id || ':' || lease_id AS "leaseId", attempt, queued_at_ms AS "queuedAtMs",
      cancel_requested_by AS "cancelRequestedBy"`,
};
const LOCK: Statement = {
  name: "lock_settled",
  text: `SELECT id AS row, lease_id AS "leaseId", kind, user_id AS "userId", code_id AS "codeId", attempt,
      message_id AS "messageId", problem, cancel_requested_by AS "cancelRequestedBy"
    FROM outbox WHERE id = ANY($1) AND lease_id IS NOT NULL ORDER BY id FOR UPDATE`,
};
const MOVE: Statement = {
  name: "move_deliveries",
  text: `UPDATE outbox SET state = r.state, attempt = r.attempt, due_at_ms = r.due, lease_id = NULL, problem = r.problem,
      ended_at_ms = r.ended, message_id = r."messageId",
      sealed_code = CASE WHEN r.ended IS NULL THEN sealed_code END
    FROM json_to_recordset($1) AS r (row BIGINT, state TEXT, attempt BIGINT, due BIGINT, problem TEXT, ended BIGINT,
      "messageId" TEXT)
    WHERE outbox.id = r.row`,
};

interface LeasedRow {
  readonly row: number;
  readonly leaseId: string;
  readonly kind: DeliveryKind;
  readonly userId: string;
  readonly codeId: string;
  readonly attempt: number;
  readonly messageId: string | null;
  readonly problem: string | null;
  readonly cancelRequestedBy: string | null;
}

/** A row as a settlement leaves it. */
interface MovedRow {
  readonly row: number;
  readonly state: DeliveryState;
  readonly attempt: number;
  readonly due: number | null;
  readonly problem: string | null;
  readonly ended: number | null;
  readonly messageId: string | null;
}

export async function claimDeliveries(
  database: Database,
  count: number,
  nowMs: number,
  leaseUntilMs: number,
): Promise<ClaimedDelivery[]> {
  const { rows } = await database
    .transaction(async (transaction) => ({
      answer: transaction.defer<ClaimedDelivery>(CLAIM, [nowMs, count, randomUUID(), leaseUntilMs]),
    }))
    .then(({ answer }) => answer);
  return [...rows];
}

export interface SettleResult {
  readonly stale: number;
  readonly effects: Effects;
}

/** A mail that was sent is an event of its user, recorded with the row's end. */
export async function settle(
  transaction: Transaction,
  settlements: readonly Settlement[],
  env: Environment,
): Promise<SettleResult> {
  const leased = await lockLeased(transaction, settlements);
  const moved: MovedRow[] = [];
  const entries: NewEntry[] = [];
  const sent: CommandTask[] = [];
  for (const settlement of settlements) {
    const [id, leaseId] = splitLease(settlement.leaseId);
    const row = leased.get(id);
    if (row?.leaseId !== leaseId) continue;
    // The lease is over with it: another settlement of the row is stale.
    leased.delete(id);
    const after = move(row, settlement, env.nowMs);
    moved.push(after);
    for (const event of settlementEntries(after, settlement)) entries.push({ row: row.row, event });
    if (settlement.outcome.state === "sent" && row.kind === "code") {
      const { userId, codeId } = row;
      sent.push({ command: { type: "email.recordSent", userId, codeId }, env });
    }
  }
  const unit = new UnitOfWork(transaction);
  for (const result of await unit.run(sent)) if (result.kind === "error") throw result.error;
  if (moved.length > 0) void transaction.defer(MOVE, [JSON.stringify(moved)]);
  writeEntries(transaction, entries, env.nowMs);
  return { stale: settlements.length - moved.length, effects: unit.finish() };
}

async function lockLeased(
  transaction: Transaction,
  settlements: readonly Settlement[],
): Promise<Map<number, LeasedRow>> {
  const ids = settlements.map(({ leaseId }) => splitLease(leaseId)[0]).filter(Number.isSafeInteger);
  const { rows } = await transaction.query<LeasedRow>(LOCK, [ids]);
  return new Map(rows.map((row) => [row.row, row]));
}

function splitLease(leaseId: string): readonly [number, string] {
  const [id = "", lease = ""] = leaseId.split(":");
  return [id === "" ? Number.NaN : Number(id), lease];
}

function move(row: LeasedRow, { outcome, tried }: Settlement, nowMs: number): MovedRow {
  const { attempt, cancelRequestedBy } = row;
  const messageId = row.messageId ?? tried?.messageId ?? null;
  const kept = { row: row.row, attempt, messageId };
  const goesOn = outcome.state === "released" || outcome.state === "retrying";
  if (goesOn && cancelRequestedBy !== null) {
    const problem = cancelledBy(cancelRequestedBy);
    return { ...kept, state: "cancelled", due: null, problem, ended: nowMs };
  }
  switch (outcome.state) {
    case "released": {
      const state = attempt === 1 ? "queued" : "retrying";
      const before = { messageId: row.messageId, problem: row.problem, attempt: attempt - 1 };
      return { ...kept, ...before, state, due: nowMs, ended: null };
    }
    case "retrying":
      return {
        ...kept,
        state: "retrying",
        due: outcome.retryAtMs,
        problem: storable(outcome.problem),
        ended: null,
      };
    default: {
      const problem = "problem" in outcome ? storable(outcome.problem) : null;
      return { ...kept, state: outcome.state, due: null, problem, ended: nowMs };
    }
  }
}
