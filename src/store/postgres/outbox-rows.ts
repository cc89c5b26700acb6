/** New outbox rows. */
import type { OutboxEntry } from "../../verification/decider.ts";
import type { DeliveryKind } from "../deliveries.ts";
import type { Transaction } from "./database.ts";
import type { Statement } from "./session.ts";

/** An entry, and when it was queued. */
export interface QueuedEntry {
  readonly entry: OutboxEntry;
  readonly nowMs: number;
}

/** A mail without a code. */
export interface TestMail {
  readonly deliveryId: string;
  readonly organizationId: string;
  readonly recipient: string;
  readonly expiresAtMs: number;
}

interface NewRow extends Omit<OutboxEntry, "kind" | "sealedCode" | "newAddress"> {
  readonly kind: DeliveryKind;
  readonly sealedCode: string | null;
  readonly newAddress: string;
  readonly recipientFolded: string;
  readonly nowMs: number;
}

const INSERT: Statement = {
  name: "insert_outbox",
  text: `INSERT INTO outbox (delivery_id, kind, code_id, user_id, organization_id, recipient, recipient_folded,
      url_template, sealed_code, accept_language, new_address, queued_at_ms, expires_at_ms, state, due_at_ms)
    SELECT "deliveryId", kind, "codeId", "userId", "organizationId", recipient, "recipientFolded", "urlTemplate",
      "sealedCode", "acceptLanguage", "newAddress", "nowMs", "expiresAtMs", 'queued', "nowMs"
    FROM json_to_recordset($1) AS r ("deliveryId" TEXT, kind TEXT, "codeId" TEXT, "userId" TEXT, "organizationId" TEXT,
      recipient TEXT, "recipientFolded" TEXT, "urlTemplate" TEXT, "sealedCode" TEXT, "acceptLanguage" TEXT,
      "newAddress" TEXT, "nowMs" BIGINT, "expiresAtMs" BIGINT)`,
};

/** Of those that are being sent. */
export const SELECT_CANCELLED: Statement = {
  name: "select_cancelled",
  text: `SELECT delivery_id AS "deliveryId", cancel_requested_by AS by FROM outbox
    WHERE delivery_id = ANY($1) AND cancel_requested_by IS NOT NULL`,
};

/** Defers them. */
export function writeOutboxEntries(transaction: Transaction, queued: readonly QueuedEntry[]): void {
  insert(
    transaction,
    queued.map(({ entry, nowMs }) => ({
      ...entry,
      kind: entry.kind ?? "code",
      sealedCode: entry.sealedCode === "" ? null : entry.sealedCode,
      newAddress: entry.newAddress ?? "",
      recipientFolded: entry.recipient.toLowerCase(),
      nowMs,
    })),
  );
}

/** Defers it. */
export function writeTestMail(transaction: Transaction, mail: TestMail, nowMs: number): void {
  const { deliveryId, organizationId, recipient, expiresAtMs } = mail;
  const row: NewRow = {
    deliveryId,
    kind: "test",
    codeId: "",
    userId: "",
    organizationId,
    recipient,
    recipientFolded: recipient.toLowerCase(),
    urlTemplate: "",
    sealedCode: null,
    acceptLanguage: "",
    newAddress: "",
    expiresAtMs,
    nowMs,
  };
  insert(transaction, [row]);
}

function insert(transaction: Transaction, rows: readonly NewRow[]): void {
  if (rows.length > 0) void transaction.defer(INSERT, [JSON.stringify(rows)]);
}
