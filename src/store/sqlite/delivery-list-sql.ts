/**
 * Lists of deliveries and suppressions as SQL.
 *
 * Every list is read off an index in the order of its pages, so a page costs what it shows, whatever the number of rows.
 * SQLite is told which index, because it has no statistics to choose by: that of the user or the recipient if one is
 * asked for, else that of what went wrong if nothing else is, else that of all rows. What waits is the exception: it is
 * found by the index of what is due, and sorted.
 */
import { addressKey } from "../../verification/suppression.ts";
import type { DeliveryQuery, DeliveryState, SuppressionQuery } from "../deliveries.ts";
import { SUPPRESSION_COLUMNS } from "./suppression-table.ts";
import type { Sql } from "./user-list-sql.ts";

export const DELIVERY_COLUMNS = `delivery_id AS deliveryId, kind, state, user_id AS userId,
  organization_id AS organizationId, recipient, code_id AS codeId, message_id AS messageId, queued_at_ms AS queuedAtMs,
  expires_at_ms AS expiresAtMs, CASE state WHEN 'sending' THEN NULL ELSE due_at_ms END AS dueAtMs,
  ended_at_ms AS endedAtMs, attempt AS attempts, problem, cancel_requested_by AS cancelRequestedBy`;

const PENDING: ReadonlySet<DeliveryState> = new Set(["queued", "sending", "retrying"]);
const UNSENT: ReadonlySet<DeliveryState> = new Set(["failed", "cancelled", "expired", "bounced"]);
/** To the letter as the partial index has it, or SQLite does not see that it fits. */
const IS_UNSENT = "state IN ('failed', 'cancelled', 'expired', 'bounced')";

interface Source {
  readonly index: string;
  readonly conditions: readonly Sql[];
}

/** One row more than asked for, which tells whether there is a further page. Calls `within_deadline()` for every row. */
export function listDeliveriesSql(query: DeliveryQuery): Sql {
  const { index, conditions } = sourceOf(query);
  const all = [...conditions, ...filtersOf(query)];
  const where = all.map(({ text }) => ` AND ${text}`).join("");
  return {
    text: `SELECT id AS row, ${DELIVERY_COLUMNS} FROM outbox INDEXED BY ${index} WHERE within_deadline()${where}
           ORDER BY queued_at_ms DESC, id DESC LIMIT ?`,
    parameters: [...all.flatMap(({ parameters }) => parameters), query.limit + 1],
  };
}

function sourceOf({ userId, recipient, states }: DeliveryQuery): Source {
  if (userId !== undefined)
    return { index: "outbox_user", conditions: [sql("user_id = ?", userId), ...ofRecipient(recipient)] };
  if (recipient !== undefined) return { index: "outbox_recipient", conditions: ofRecipient(recipient) };
  if (states?.every((state) => PENDING.has(state)) === true)
    return { index: "outbox_due", conditions: [sql("due_at_ms IS NOT NULL")] };
  if (states?.every((state) => UNSENT.has(state)) === true)
    return { index: "outbox_unsent", conditions: [sql(IS_UNSENT)] };
  return { index: "outbox_queued", conditions: [] };
}

/** The index ignores the case of all of it; the local part is compared once more, with its case. */
function ofRecipient(recipient: string | undefined): Sql[] {
  if (recipient === undefined) return [];
  const localPart = recipient.slice(0, recipient.lastIndexOf("@") + 1);
  return [
    sql("lower(recipient) = lower(?)", recipient),
    sql("substr(recipient, 1, length(?)) = ?", localPart, localPart),
  ];
}

function filtersOf(query: DeliveryQuery): Sql[] {
  const { organizationIds, states, queuedFromMs, queuedBeforeMs, after } = query;
  return [
    ...(queuedFromMs === undefined ? [] : [sql("queued_at_ms >= ?", queuedFromMs)]),
    ...(queuedBeforeMs === undefined ? [] : [sql("queued_at_ms < ?", queuedBeforeMs)]),
    ...(after === undefined ? [] : [sql("(queued_at_ms, id) < (?, ?)", after.queuedAtMs, after.row)]),
    ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
    ...(states === undefined ? [] : [anyOf("state", states)]),
  ];
}

/** One row more than asked for. Calls `within_deadline()` for every row. */
export function listSuppressionsSql({ organizationIds, address, after, limit }: SuppressionQuery): Sql {
  const all = [
    ...(address === undefined ? [] : [sql("address_key = ?", addressKey(address))]),
    ...(after === undefined ? [] : [sql("id < ?", after)]),
    ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
  ];
  const where = all.map(({ text }) => ` AND ${text}`).join("");
  return {
    text: `SELECT id AS row, ${SUPPRESSION_COLUMNS} FROM suppressions WHERE within_deadline()${where}
           ORDER BY id DESC LIMIT ?`,
    parameters: [...all.flatMap(({ parameters }) => parameters), limit + 1],
  };
}

/** A plus sign keeps SQLite from choosing an index for it. */
function anyOf(column: string, values: readonly string[]): Sql {
  return sql(`+${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(values));
}

function sql(text: string, ...parameters: readonly (string | number)[]): Sql {
  return { text, parameters };
}
