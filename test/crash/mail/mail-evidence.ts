/** Reads what the checker judges: transactions of the relay, answers of callers, the database that was left behind. */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openForReading } from "../../../src/store/sqlite/connection.ts";
import type { TimelineEvent } from "../../../src/store/deliveries.ts";
import type { Keyring } from "../../../src/store/keyring.ts";
import type { RecordedEvent } from "../../../src/store/store.ts";
import { matchesMac, type CodeMac } from "../../../src/verification/code.ts";
import type { RelayPoint, Transaction } from "../../support/recording-relay.ts";
import type { Note } from "../ledger.ts";
import type { AnsweredCommand, HandOver, MailRow, UserEvent } from "./mail-checker.ts";
import type { Answered } from "./mail-callers.ts";
import type { Moment } from "./moment.ts";

const DATABASE_FILES = ["countersign.db", "countersign.db-wal"];
const ENDS = ["sent", "failed", "cancelled", "expired"];

/** What the relay's hooks noted of a transaction. */
export interface Sighting {
  readonly transaction: Transaction;
  readonly life: number;
  readonly started: Moment;
  /** How far it came. */
  point: RelayPoint;
  acceptedMs?: number;
}

/** Without angle brackets and domain: the id of the delivery. */
export function deliveryIdOf({ messageId }: Transaction): string {
  return messageId.slice(1, messageId.indexOf("@"));
}

function pendingIn(path: string): ReadonlyMap<string, string> {
  const database = openForReading(path);
  try {
    const rows = database
      .prepare("SELECT delivery_id AS deliveryId, state FROM outbox WHERE due_at_ms IS NOT NULL")
      .all() as { deliveryId: string; state: string }[];
    return new Map(rows.map(({ deliveryId, state }) => [deliveryId, state]));
  } finally {
    database.close();
  }
}

/** The rows that have not come to their end, while the service is at work. */
export function pendingNow(dataDir: string): ReadonlyMap<string, string> {
  return pendingIn(join(dataDir, "countersign.db"));
}

/** The same of a killed service. A copy is read: the next start has to bring the database itself back in order. */
export function pendingLeftBehind(dataDir: string): ReadonlyMap<string, string> {
  const copy = mkdtempSync(join(tmpdir(), "countersign-left-"));
  try {
    for (const name of DATABASE_FILES) {
      if (existsSync(join(dataDir, name))) cpSync(join(dataDir, name), join(copy, name));
    }
    return pendingNow(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The outbox of a service that has stopped. */
export function readRows(path: string): MailRow[] {
  const database = openForReading(path);
  try {
    const ends = new Map<number, number>();
    const entries = database.prepare("SELECT outbox_id AS row, event FROM delivery_log").all() as {
      row: number;
      event: string;
    }[];
    for (const { row, event } of entries) {
      if (isEnd(JSON.parse(event) as TimelineEvent)) ends.set(row, (ends.get(row) ?? 0) + 1);
    }
    const rows = database
      .prepare(
        `SELECT id, delivery_id AS deliveryId, code_id AS codeId, user_id AS userId, recipient, state,
           sealed_code IS NOT NULL AS isSealed FROM outbox`,
      )
      .all() as (Omit<MailRow, "isSealed" | "ends"> & { id: number; isSealed: 0 | 1 })[];
    return rows.map(({ id, isSealed, ...row }) => ({
      ...row,
      isSealed: isSealed === 1,
      ends: ends.get(id) ?? 0,
    }));
  } finally {
    database.close();
  }
}

export function isEnd(event: TimelineEvent): boolean {
  return (event.kind === "attempt" || event.kind === "ended") && ENDS.includes(event.state);
}

export function userEvents(log: readonly RecordedEvent[]): UserEvent[] {
  return log
    .filter(({ aggregateType }) => aggregateType === "user")
    .map(({ aggregateId, sequence, type, payload }) => {
      const { codeId } = payload as { codeId?: string };
      return { userId: aggregateId, sequence, type, ...(codeId !== undefined && { codeId }) };
    });
}

export function answeredCommands(answers: ReadonlyMap<Note, Answered>): AnsweredCommand[] {
  return [...answers].flatMap(([{ name, userId, sequence }, { life, ...answered }]) =>
    sequence === undefined ? [] : [{ name, userId, life, sequence, answered }],
  );
}

export function handOvers(
  sightings: Iterable<Sighting>,
  rows: readonly MailRow[],
  log: readonly RecordedEvent[],
  keyring: Keyring,
): HandOver[] {
  const rowById = new Map(rows.map((row) => [row.deliveryId, row]));
  const macByCode = new Map(
    log.flatMap(({ payload }) => {
      const { codeId, code } = payload as { codeId?: string; code?: CodeMac };
      return codeId === undefined || code === undefined ? [] : [[codeId, code] as const];
    }),
  );
  const hasItsCode = (deliveryId: string, code: string) => {
    const row = rowById.get(deliveryId);
    const mac = row && macByCode.get(row.codeId);
    return mac !== undefined && matchesMac(mac, keyring.candidateMacs(row?.userId ?? "", code));
  };
  return [...sightings].map(({ transaction, life, started, acceptedMs }) => {
    const { recipient, message, code, isComplete } = transaction;
    const deliveryId = isComplete ? deliveryIdOf(transaction) : undefined;
    return {
      life,
      started,
      recipient,
      message,
      hasItsCode: deliveryId !== undefined && hasItsCode(deliveryId, code),
      ...(deliveryId !== undefined && { deliveryId }),
      ...(acceptedMs !== undefined && { acceptedMs }),
    };
  });
}
