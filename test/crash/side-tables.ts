/** The rows that a command writes beside its events, held against the events: one transaction wrote both. */
import { openForReading } from "../../src/store/sqlite/connection.ts";
import type { RecordedEvent } from "../../src/store/store.ts";
import type { CodeAdded } from "../../src/verification/user/events.ts";
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
 * @param path the database, which no store has open
 * @returns one line for each thing that is wrong
 */
export function sideTableProblems(path: string, log: readonly RecordedEvent[]): string[] {
  const database = openForReading(path);
  try {
    const mails = database
      .prepare("SELECT code_id AS codeId, state, sealed_code IS NOT NULL AS isSealed FROM outbox")
      .all() as OutboxRow[];
    // As in bucket-table.ts: what the log says last of a counter, and of those that it does not name, what the table says.
    const attempts = database
      .prepare(
        `WITH logged AS (
           SELECT value ->> 0 AS bucket, value ->> 1 AS used, max(bucket_log.id)
           FROM bucket_log, json_each(bucket_log.counters) GROUP BY bucket
         )
         SELECT bucket, used FROM logged WHERE bucket LIKE 'attempts:%'
         UNION ALL
         SELECT bucket, used FROM buckets
         WHERE bucket LIKE 'attempts:%' AND bucket NOT IN (SELECT bucket FROM logged)`,
      )
      .all() as { bucket: string; used: number }[];
    return [...mailProblems(mails, log), ...attemptProblems(attempts, log)];
  } finally {
    database.close();
  }
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
  attempts: readonly { bucket: string; used: number }[],
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
