/**
 * What is moved from SQLite to PostgreSQL: a plan for each table of the target, in order.
 *
 * Rows are read in the order of their key, a page at a time, so a move can go on where it stopped. Most columns are taken as
 * they are; some are derived, as the adapter for PostgreSQL would have derived them.
 */
import type { OrganizationState } from "../../verification/organization.ts";
import { accountExists, type ServiceAccountState } from "../../verification/service-account.ts";
import { repliesIn } from "../sqlite/reply-table.ts";

export type Cell = string | number | null;
export type Row = Readonly<Record<string, Cell>>;
export type ColumnType = "TEXT" | "BIGINT";

export interface TablePlan {
  /** In the target. */
  readonly name: string;
  /** What is read, where that is not the table of the same name. */
  readonly from?: string;
  /** Unique and indexed in the source, and the order of reading. */
  readonly key: readonly string[];
  /** Unique in the target. Default: the key of the source. */
  readonly targetKey?: readonly string[];
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Rows that are read at a time. Default: 2,000. */
  readonly pageRows?: number;
  /** Makes rows of the target, or none. Default: the row as it is. */
  readonly convert?: (row: Row, startedAtMs: number) => readonly Row[];
  /** The target numbers its rows in this column, and goes on after the highest. */
  readonly identity?: string;
}

const FOLDED = ["username", "given_name", "family_name", "nick_name", "display_name", "email"] as const;

export const TABLES: readonly TablePlan[] = [
  {
    name: "events",
    key: ["position"],
    columns: {
      position: "BIGINT",
      aggregate_type: "TEXT",
      aggregate_id: "TEXT",
      sequence: "BIGINT",
      type: "TEXT",
      payload: "TEXT",
      created_at_ms: "BIGINT",
      organization_id: "TEXT",
      editor: "TEXT",
      request_id: "TEXT",
      client_address: "TEXT",
    },
  },
  { name: "aggregates", key: ["type", "id"], columns: { type: "TEXT", id: "TEXT", state: "TEXT" } },
  {
    name: "claims",
    key: ["scope", "value"],
    columns: { scope: "TEXT", value: "TEXT", aggregate_id: "TEXT" },
  },
  {
    name: "users",
    key: ["id"],
    columns: {
      id: "TEXT",
      organization_id: "TEXT",
      status: "TEXT",
      username: "TEXT",
      given_name: "TEXT",
      family_name: "TEXT",
      nick_name: "TEXT",
      display_name: "TEXT",
      email: "TEXT",
      created_at_ms: "BIGINT",
      ...Object.fromEntries(FOLDED.map((column) => [`${column}_folded`, "TEXT" as const])),
    },
    convert: (row) => [
      { ...row, ...Object.fromEntries(FOLDED.map((column) => [`${column}_folded`, folded(row[column])])) },
    ],
  },
  {
    name: "organizations",
    from: "(SELECT id, state FROM aggregates WHERE type = 'organization')",
    key: ["id"],
    columns: { id: "TEXT", name_folded: "TEXT" },
    convert: ({ id = null, state }) => {
      const { name } = JSON.parse(String(state)) as OrganizationState;
      return [{ id, name_folded: name.toLowerCase() }];
    },
  },
  {
    name: "service_accounts",
    from: "(SELECT id, state FROM aggregates WHERE type = 'service_account')",
    key: ["id"],
    columns: { id: "TEXT", organization_id: "TEXT", username_folded: "TEXT" },
    convert: ({ id = null, state }) => {
      const account = JSON.parse(String(state)) as ServiceAccountState;
      if (!accountExists(account)) return [];
      const { organizationId, username } = account;
      return [{ id, organization_id: organizationId, username_folded: username.toLowerCase() }];
    },
  },
  {
    name: "access_tokens",
    key: ["token_id"],
    columns: {
      token_id: "TEXT",
      hash: "TEXT",
      service_account_id: "TEXT",
      organization_id: "TEXT",
      added_at_ms: "BIGINT",
      expires_at_ms: "BIGINT",
      revoked_at_ms: "BIGINT",
      last_used_at_ms: "BIGINT",
    },
  },
  {
    name: "erasures",
    // An erasure that was under way begins anew: what is erased already stays so.
    from: "(SELECT id, user_id, removed_at_ms FROM erasures)",
    key: ["id"],
    targetKey: ["user_id"],
    columns: { user_id: "TEXT", removed_at_ms: "BIGINT" },
  },
  {
    name: "buckets",
    key: ["bucket"],
    columns: { bucket: "TEXT", used: "BIGINT", expires_at_ms: "BIGINT" },
  },
  {
    name: "kept_replies",
    from: "reply_batches",
    key: ["id"],
    targetKey: ["scope"],
    // A batch holds up to a few hundred.
    pageRows: 50,
    // Of those with one scope only the last can still be alive. Each takes the sealed codes of its batch along.
    convert: ({ replies, sealed_codes: sealedCodes }, startedAtMs) =>
      repliesIn(String(replies), String(sealedCodes))
        .filter(({ expiresAtMs }) => expiresAtMs > startedAtMs)
        .map(({ scope, fingerprint, userId, details, sealedCode, expiresAtMs }) => ({
          scope,
          fingerprint,
          user_id: userId,
          details: JSON.stringify(details),
          sealed_code: sealedCode ?? null,
          expires_at_ms: expiresAtMs,
        })),
    columns: {
      scope: "TEXT",
      fingerprint: "TEXT",
      user_id: "TEXT",
      details: "TEXT",
      sealed_code: "TEXT",
      expires_at_ms: "BIGINT",
    },
  },
  {
    name: "outbox",
    key: ["id"],
    identity: "id",
    columns: {
      id: "BIGINT",
      delivery_id: "TEXT",
      kind: "TEXT",
      code_id: "TEXT",
      user_id: "TEXT",
      organization_id: "TEXT",
      recipient: "TEXT",
      recipient_folded: "TEXT",
      url_template: "TEXT",
      sealed_code: "TEXT",
      accept_language: "TEXT",
      new_address: "TEXT",
      queued_at_ms: "BIGINT",
      expires_at_ms: "BIGINT",
      state: "TEXT",
      due_at_ms: "BIGINT",
      attempt: "BIGINT",
      lease_id: "TEXT",
      problem: "TEXT",
      ended_at_ms: "BIGINT",
      message_id: "TEXT",
      cancel_requested_by: "TEXT",
    },
    convert: (row) => [{ ...row, recipient_folded: folded(row["recipient"]) }],
  },
  {
    name: "delivery_log",
    key: ["outbox_id", "entry"],
    columns: { outbox_id: "BIGINT", entry: "BIGINT", at_ms: "BIGINT", event: "TEXT" },
  },
  {
    name: "suppressions",
    key: ["id"],
    identity: "id",
    columns: {
      id: "BIGINT",
      organization_id: "TEXT",
      address_key: "TEXT",
      address: "TEXT",
      type: "TEXT",
      enhanced_code: "TEXT",
      diagnostic: "TEXT",
      delivery_id: "TEXT",
      created_at_ms: "BIGINT",
      user_id: "TEXT",
    },
  },
  {
    name: "inbox",
    key: ["id"],
    identity: "id",
    columns: { id: "BIGINT", delivery_id: "TEXT", received_at_ms: "BIGINT", sealed: "TEXT" },
  },
  { name: "metadata", key: ["key"], columns: { key: "TEXT", value: "TEXT" } },
];

function folded(text: Cell | undefined): string {
  return String(text ?? "").toLowerCase();
}
