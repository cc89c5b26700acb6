/** Reads what the checker judges: transactions of the relay, answers of callers, the database that was left behind. */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TimelineEvent } from "../../../src/store/deliveries.ts";
import type { Keyring } from "../../../src/store/keyring.ts";
import type { RecordedEvent } from "../../../src/store/store.ts";
import { matchesMac, type CodeMac } from "../../../src/verification/code.ts";
import type { RelayPoint, Transaction } from "../../support/recording-relay.ts";
import { databaseIn, deserted, isOnPostgres } from "../../support/test-database.ts";
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

/** The rows that have not come to their end, while the service is at work. */
export async function pendingNow(dataDir: string): Promise<ReadonlyMap<string, string>> {
  const rows = await databaseIn(dataDir).rows<{ deliveryId: string; state: string }>(
    `SELECT delivery_id AS "deliveryId", state FROM outbox WHERE due_at_ms IS NOT NULL`,
  );
  return new Map(rows.map(({ deliveryId, state }) => [deliveryId, state]));
}

/** The same of a killed service. Of a file a copy is read: the next start has to bring it back in order by itself. */
export async function pendingLeftBehind(dataDir: string): Promise<ReadonlyMap<string, string>> {
  if (isOnPostgres) {
    await deserted(dataDir);
    return await pendingNow(dataDir);
  }
  const copy = mkdtempSync(join(tmpdir(), "countersign-left-"));
  try {
    for (const name of DATABASE_FILES) {
      if (existsSync(join(dataDir, name))) cpSync(join(dataDir, name), join(copy, name));
    }
    return await pendingNow(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The outbox of a service that has stopped. */
export async function readRows(dataDir: string): Promise<MailRow[]> {
  const database = databaseIn(dataDir);
  const ends = new Map<string, number>();
  const entries = await database.rows<{ row: number | string; event: string }>(
    `SELECT outbox_id AS "row", event FROM delivery_log`,
  );
  for (const { row, event } of entries) {
    if (!isEnd(JSON.parse(event) as TimelineEvent)) continue;
    ends.set(String(row), (ends.get(String(row)) ?? 0) + 1);
  }
  const rows = await database.rows<
    Omit<MailRow, "isSealed" | "ends"> & { id: number | string; isSealed: 0 | 1 }
  >(
    `SELECT id, delivery_id AS "deliveryId", code_id AS "codeId", user_id AS "userId", recipient, state,
       CASE WHEN sealed_code IS NULL THEN 0 ELSE 1 END AS "isSealed" FROM outbox`,
  );
  return rows.map(({ id, isSealed, ...row }) => ({
    ...row,
    isSealed: isSealed === 1,
    ends: ends.get(String(id)) ?? 0,
  }));
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
