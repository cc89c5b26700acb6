/** Lists of deliveries and suppressions as SQL: one row more than asked for tells whether there is a further page. */
import { addressKey } from "../../verification/suppression.ts";
import type { DeliveryQuery, DeliveryState, SuppressionQuery } from "../deliveries.ts";
import { anyOf, isStorable, sql, type Sql } from "./sql-text.ts";
import { SUPPRESSION_COLUMNS } from "./suppression-table.ts";

export const DELIVERY_COLUMNS = `delivery_id AS "deliveryId", kind, state, user_id AS "userId",
  organization_id AS "organizationId", recipient, code_id AS "codeId", message_id AS "messageId",
  queued_at_ms AS "queuedAtMs", expires_at_ms AS "expiresAtMs",
  CASE state WHEN 'sending' THEN NULL ELSE due_at_ms END AS "dueAtMs", ended_at_ms AS "endedAtMs",
  attempt AS attempts, problem, cancel_requested_by AS "cancelRequestedBy"`;

const PENDING: ReadonlySet<DeliveryState> = new Set(["queued", "sending", "retrying"]);
const UNSENT: ReadonlySet<DeliveryState> = new Set(["failed", "cancelled", "expired", "bounced"]);

export function listDeliveriesSql(query: DeliveryQuery): Sql {
  const all = conditionsOf(query);
  return sql(
    `SELECT id AS row, ${DELIVERY_COLUMNS} FROM outbox WHERE TRUE${all.map(({ text }) => ` AND ${text}`).join("")}
     ORDER BY queued_at_ms DESC, id DESC LIMIT ?`,
    ...all.flatMap(({ values }) => values),
    query.limit + 1,
  );
}

function conditionsOf(query: DeliveryQuery): readonly Sql[] {
  const { organizationIds, userId, recipient, states, queuedFromMs, queuedBeforeMs, after } = query;
  return [
    ...(userId === undefined ? [] : [anyOf("user_id", [userId])]),
    ...(recipient === undefined ? [] : [ofRecipient(recipient)]),
    // What the indexes of what waits and of what went wrong have as their condition, to the letter.
    ...(states?.every((state) => PENDING.has(state)) === true ? [sql("due_at_ms IS NOT NULL")] : []),
    ...(states?.every((state) => UNSENT.has(state)) === true
      ? [sql("state IN ('failed', 'cancelled', 'expired', 'bounced')")]
      : []),
    ...(queuedFromMs === undefined ? [] : [sql("queued_at_ms >= ?", queuedFromMs)]),
    ...(queuedBeforeMs === undefined ? [] : [sql("queued_at_ms < ?", queuedBeforeMs)]),
    ...(after === undefined ? [] : [sql("(queued_at_ms, id) < (?, ?)", after.queuedAtMs, after.row)]),
    ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
    ...(states === undefined ? [] : [anyOf("state", states)]),
  ];
}

/** The index ignores the case of all of it; the local part is compared once more, with its case. */
function ofRecipient(recipient: string): Sql {
  if (!isStorable(recipient)) return sql("FALSE");
  const localPart = recipient.slice(0, recipient.lastIndexOf("@") + 1);
  return sql(
    "recipient_folded = ? AND left(recipient, length(?::text)) = ?",
    recipient.toLowerCase(),
    localPart,
    localPart,
  );
}

export function listSuppressionsSql({ organizationIds, address, after, limit }: SuppressionQuery): Sql {
  const all = [
    ...(address === undefined ? [] : [anyOf("address_key", [addressKey(address)])]),
    ...(after === undefined ? [] : [sql("id < ?", after)]),
    ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
  ];
  return sql(
    `SELECT id AS row, ${SUPPRESSION_COLUMNS} FROM suppressions WHERE TRUE
     ${all.map(({ text }) => ` AND ${text}`).join("")} ORDER BY id DESC LIMIT ?`,
    ...all.flatMap(({ values }) => values),
    limit + 1,
  );
}
