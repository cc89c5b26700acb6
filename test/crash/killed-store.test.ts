// A process with a busy store is killed with SIGKILL, again and again on one database: what it had answered is there.
import { expect, jest, test } from "@jest/globals";
import { dirname, join } from "node:path";
import { historyProblems, readLog } from "../contract/history-checker.ts";
import { storeProcesses, type Acknowledgement } from "../contract/sqlite/store-process.ts";
import { temporaryFolders } from "../contract/temporary.ts";
import { isOnPostgres, newPostgresDatabase, testDatabase } from "../support/test-database.ts";
import { openStoreAt } from "../support/test-store.ts";

/** @returns where it is: a path, or a URL */
async function newDatabase(): Promise<string> {
  return (await newPostgresDatabase()) ?? join(folderOf(), "countersign.db");
}

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

const folderOf = temporaryFolders();
const start = storeProcesses();

const CALLERS = 24;
const FROM_SENT = "user.human.email.code.sent";

test("no answered call is lost, and the history is sound after every kill", async () => {
  const path = await newDatabase();
  const acknowledged: Acknowledgement[] = [];
  for (const count of [1, 100, 400]) {
    const store = await start({ path });
    await store.loadUntilAcknowledged(CALLERS, count);
    await store.kill();
    expect(store.acknowledged.length).toBeGreaterThanOrEqual(count);
    acknowledged.push(...store.acknowledged);

    const survivor = await openStoreAt(path);
    try {
      expect(await historyProblems(survivor)).toEqual([]);
      const log = await readLog(survivor, 1_000);
      const recorded = new Set(log.map(({ aggregateId, sequence }) => `${aggregateId} ${sequence}`));
      const lost = acknowledged.filter(({ userId, sequence }) => !recorded.has(`${userId} ${sequence}`));
      expect(lost).toEqual([]);
      // The mails of codes that were sent are settled, the others pending: none is in between.
      const sent = log.filter(({ type }) => type === FROM_SENT).map(({ payload }) => payload);
      expect(new Set(sent.map((payload) => (payload as { codeId: string }).codeId)).size).toBe(sent.length);
    } finally {
      await survivor.close();
    }
  }
});

test("killed while it prunes, it has removed whole things, and nothing that is needed", async () => {
  const path = await newDatabase();
  const acknowledged: Acknowledgement[] = [];
  for (const count of [50, 200, 400]) {
    const store = await start({ path });
    await store.loadUntilAcknowledged(CALLERS, count, { prunes: true });
    await store.kill();
    acknowledged.push(...store.acknowledged);

    const survivor = await openStoreAt(path);
    try {
      expect(await historyProblems(survivor)).toEqual([]);
      expect(await survivor.prunedPosition()).toBeGreaterThan(0);
      const lost: string[] = [];
      for (const { userId, sequence } of acknowledged) {
        if (((await survivor.findUser(userId))?.sequence ?? 0) < sequence) lost.push(userId);
      }
      expect(lost).toEqual([]);
      // A timeline goes with its mail.
      const database = testDatabase(isOnPostgres ? path : undefined, dirname(path));
      const orphans = "SELECT outbox_id FROM delivery_log WHERE outbox_id NOT IN (SELECT id FROM outbox)";
      expect(await database.rows(orphans)).toEqual([]);
    } finally {
      await survivor.close();
    }
  }
});

test("mails that were queued or on their way when the process died are all there, once", async () => {
  const path = await newDatabase();
  const store = await start({ path });
  await store.loadUntilAcknowledged(CALLERS, 400);
  await store.kill();

  const survivor = await openStoreAt(path);
  try {
    const log = await readLog(survivor, 1_000);
    const codeIds = (type: string) =>
      log.filter((event) => event.type === type).map(({ payload }) => (payload as { codeId: string }).codeId);
    const sent = codeIds(FROM_SENT);
    // Long after every lease is over.
    const nowMs = Number.MAX_SAFE_INTEGER - 1;
    const pending = (await survivor.claimDeliveries(100_000, nowMs, nowMs + 1)).map(({ codeId }) => codeId);
    expect([...sent, ...pending].toSorted()).toEqual(codeIds("user.human.email.code.added").toSorted());
  } finally {
    await survivor.close();
  }
});
