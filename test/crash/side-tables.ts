/** The rows that a command writes beside its events, held against the events: one transaction wrote both. */
import type { RecordedEvent, Store } from "../../src/store/store.ts";
import type { CodeAdded } from "../../src/verification/user/events.ts";
import type { TestDatabase } from "../support/test-database.ts";
import { codeIdOf } from "./ledger.ts";

interface OutboxRow {
  readonly codeId: string;
  readonly state: string;
  readonly isSealed: 0 | 1;
}

/**
 * Every code that is mailed has its one mail, and a mail is sent exactly when the history says so; every failed try was
 * paid for. Holds for databases without deleted users.
 *
 * @param database whose counters stand in their table
 * @returns one line for each thing that is wrong
 */
export async function sideTableProblems(
  database: TestDatabase,
  log: readonly RecordedEvent[],
): Promise<string[]> {
  const mails = await database.rows<OutboxRow>(
    `SELECT code_id AS "codeId", state, CASE WHEN sealed_code IS NULL THEN 0 ELSE 1 END AS "isSealed" FROM outbox`,
  );
  const attempts = await database.rows<{ bucket: string; used: number | string }>(
    "SELECT bucket, used FROM buckets WHERE bucket LIKE 'attempts:%'",
  );
  return [...mailProblems(mails, log), ...attemptProblems(attempts, log)];
}

/** On SQLite a process that ended leaves counters in a log; the writer thread moves them, which the first write starts. */
export async function moveCounters(store: Store): Promise<void> {
  await store.maintain({ kind: "pruneBuckets", nowMs: 0 });
}

function mailProblems(mails: readonly OutboxRow[], log: readonly RecordedEvent[]): string[] {
  const mailed = log.filter(
    ({ type, payload }) =>
      type === "user.human.email.code.added" && (payload as CodeAdded).code_returned !== true,
  );
  const sent = log.filter(({ type }) => type === "user.human.email.code.sent").map(codeIdOf);
  const live = mails.filter(({ state }) => ["queued", "sending", "retrying"].includes(state));
  return [
    ...different(
      "codes with a mail in the outbox",
      mails.map(({ codeId }) => codeId),
      mailed.map(codeIdOf),
    ),
    ...different(
      "mails that were sent",
      mails.flatMap(({ codeId, state }) => (state === "sent" ? [codeId] : [])),
      sent,
    ),
    ...different(
      "mails that still hold their code",
      mails.flatMap(({ codeId, isSealed }) => (isSealed === 1 ? [codeId] : [])),
      live.map(({ codeId }) => codeId),
    ),
  ];
}

function attemptProblems(
  attempts: readonly { bucket: string; used: number | string }[],
  log: readonly RecordedEvent[],
): string[] {
  const tries = log.flatMap((event) =>
    event.type === "user.human.email.verification.failed" ? (codeIdOf(event) ?? []) : [],
  );
  const counted = [...Map.groupBy(tries, (codeId) => codeId)].map(
    ([codeId, events]) => `attempts:${codeId} ${events.length}`,
  );
  // Beside the counter of the code stands one for each of its clients.
  const total = attempts.filter(({ bucket }) => bucket.split(":").length === 2);
  const paid = total.map(({ bucket, used }) => `${bucket} ${used}`);
  return different("counted tries", paid, counted);
}

/** Compares what are sets, or should be. */
function different(
  what: string,
  are: readonly (string | undefined)[],
  shouldBe: readonly (string | undefined)[],
): string[] {
  const [left, right] = [are.toSorted(), shouldBe.toSorted()];
  if (left.join() === right.join()) return [];
  const extra = left.filter((item) => !right.includes(item));
  const missing = right.filter((item) => !left.includes(item));
  return [
    `${what}: ${left.length} instead of ${right.length}; extra ${extra.join()}, missing ${missing.join()}`,
  ];
}
