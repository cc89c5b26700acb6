/** What people do to deliveries, as writes; a refusal writes nothing. */
import type { UserState } from "../../verification/user/state.ts";
import { addressKey } from "../../verification/suppression.ts";
import type { DeliveryChange } from "../deliveries.ts";
import {
  effectOf,
  refusedChange,
  type ChangedRow,
  type RowChange,
  type RowEffect,
} from "../delivery-rules.ts";
import { checkTestMails, testMailBucket, testMailDebit } from "../test-mail-limit.ts";
import type { Transaction } from "./database.ts";
import { readTimeline, writeEntries } from "./delivery-log.ts";
import { FactTable } from "./fact-table.ts";
import { writeTestMail } from "./outbox-rows.ts";
import type { Statement, Value } from "./session.ts";
import { isStorable, storable } from "./sql-text.ts";
import { addSuppression, removeSuppression } from "./suppression-table.ts";

/** What a change means to others. */
export interface ChangeEffect extends Pick<RowEffect, "failure" | "queuedMail" | "cancelRequest"> {
  /** Whose mail it is: who hands it over holds this user. Absent where nobody is held. */
  readonly userId?: string;
}

interface Row extends ChangedRow {
  readonly row: number;
}

const LOCK: Statement = {
  name: "lock_delivery",
  text: `SELECT id AS row, kind, state, user_id AS "userId", organization_id AS "organizationId", code_id AS "codeId",
      recipient, expires_at_ms AS "expiresAtMs", problem, cancel_requested_by AS "cancelRequestedBy"
    FROM outbox WHERE delivery_id = $1 FOR UPDATE`,
};
const SELECT_USER: Statement = {
  name: "select_user",
  text: "SELECT state FROM aggregates WHERE type = 'user' AND id = $1",
};
const SELECT_SUPPRESSED: Statement = {
  name: "select_suppressed",
  text: "SELECT 1 FROM suppressions WHERE organization_id = $1 AND address_key = $2",
};
const MAKE_DUE: Statement = {
  name: "make_due",
  text: "UPDATE outbox SET due_at_ms = least(due_at_ms, $2) WHERE id = $1",
};
const CANCEL: Statement = {
  name: "cancel_delivery",
  text: `UPDATE outbox SET state = 'cancelled', due_at_ms = NULL, sealed_code = NULL, problem = $2, ended_at_ms = $3
    WHERE id = $1`,
};
const REQUEST_CANCEL: Statement = {
  name: "request_cancel",
  text: "UPDATE outbox SET cancel_requested_by = $2 WHERE id = $1",
};
const BOUNCE: Statement = {
  name: "bounce_delivery",
  text: "UPDATE outbox SET state = 'bounced', problem = $2 WHERE id = $1",
};

export async function changeDelivery(
  transaction: Transaction,
  change: DeliveryChange,
  nowMs: number,
): Promise<ChangeEffect> {
  switch (change.kind) {
    case "retry":
    case "cancel":
    case "bounce":
      return await changeRow(transaction, change, nowMs);
    case "test":
      return await addTest(transaction, change, nowMs);
    case "unsuppress":
      return (await removeSuppression(transaction, change)) ? {} : refusedChange("SUPPRESSION_NOT_FOUND");
  }
}

async function changeRow(transaction: Transaction, change: RowChange, nowMs: number): Promise<ChangeEffect> {
  if (!isStorable(change.deliveryId)) return refusedChange("DELIVERY_NOT_FOUND");
  const found = (await transaction.query<Row>(LOCK, [change.deliveryId])).rows[0];
  if (found === undefined) return refusedChange("DELIVERY_NOT_FOUND");
  const { row: id } = found;
  const facts = {
    user:
      change.kind === "retry" && found.kind === "code"
        ? await findUser(transaction, found.userId)
        : undefined,
    timeline: change.kind === "bounce" ? await readTimeline(transaction, id) : [],
  };
  const { row, entry, suppression, ...effect } = effectOf(change, found, facts, nowMs);
  if (row !== undefined) void transaction.defer(...writeOf(id, row, nowMs));
  if (entry !== undefined) writeEntries(transaction, [{ row: id, event: entry }], nowMs);
  if (suppression !== undefined) addSuppression(transaction, suppression, found.userId);
  return { ...effect, ...(found.kind === "code" && { userId: found.userId }) };
}

async function findUser(transaction: Transaction, userId: string): Promise<UserState | undefined> {
  const { rows } = await transaction.query<{ state: string }>(SELECT_USER, [userId]);
  return rows[0] && (JSON.parse(rows[0].state) as UserState);
}

function writeOf(
  id: number,
  write: NonNullable<RowEffect["row"]>,
  nowMs: number,
): [Statement, readonly Value[]] {
  switch (write.kind) {
    case "makeDue":
      return [MAKE_DUE, [id, nowMs]];
    case "cancel":
      return [CANCEL, [id, storable(write.problem), nowMs]];
    case "requestCancel":
      return [REQUEST_CANCEL, [id, write.by]];
    case "bounce":
      return [BOUNCE, [id, storable(write.problem)]];
  }
}

async function addTest(
  transaction: Transaction,
  change: Extract<DeliveryChange, { kind: "test" }>,
  nowMs: number,
): Promise<ChangeEffect> {
  const { organizationId, recipient, allowsSuppressed, maxPerHour } = change;
  if (!allowsSuppressed) {
    const { count } = await transaction.query(SELECT_SUPPRESSED, [organizationId, addressKey(recipient)]);
    if (count > 0) return refusedChange("ADDRESS_SUPPRESSED");
  }
  const counters = new FactTable(transaction, () => undefined);
  const bucket = testMailBucket(organizationId);
  await counters.load([{ kind: "bucket", bucket }]);
  const exhausted = checkTestMails(counters.bucket(bucket, nowMs), maxPerHour, nowMs);
  if (exhausted !== undefined) return { failure: exhausted };
  counters.raise([testMailDebit(organizationId, nowMs)], nowMs);
  counters.write();
  writeTestMail(transaction, change, nowMs);
  return { queuedMail: true };
}
