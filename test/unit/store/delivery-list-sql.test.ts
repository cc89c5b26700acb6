// Every list of deliveries is read off an index, in its order: nothing is scanned, and nothing but what waits is sorted.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { DeliveryQuery } from "../../../src/store/deliveries.ts";
import { listDeliveriesSql } from "../../../src/store/sqlite/delivery-list-sql.ts";
import { migrate } from "../../../src/store/sqlite/schema.ts";

const ROWS = 100_000;
let database: Database.Database;

beforeAll(() => {
  database = new Database(":memory:");
  database.function("within_deadline", { deterministic: false }, () => 1);
  migrate(database);
  // A few thousand users; one mail in a thousand failed, one in ten thousand waits.
  database.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO outbox (delivery_id, code_id, user_id, organization_id, recipient, url_template, queued_at_ms,
      expires_at_ms, state, due_at_ms, attempt)
    SELECT 'd' || i, 'c' || i, 'user-' || (i % 5000), 'org-1', 'user-' || (i % 5000) || '@example.com', '', i, i + 1000,
      CASE WHEN i % 10000 = 0 THEN 'retrying' WHEN i % 1000 = 1 THEN 'failed' ELSE 'sent' END,
      CASE WHEN i % 10000 = 0 THEN i END, 1
    FROM n`);
});
afterAll(() => void database.close());

type Filter = Partial<DeliveryQuery>;

const FILTERS: readonly (readonly [what: string, filter: Filter, index: string])[] = [
  ["all", {}, "outbox_queued"],
  ["a page in the middle", { after: { queuedAtMs: ROWS / 2, row: ROWS / 2 } }, "outbox_queued"],
  ["a time", { queuedFromMs: 1_000, queuedBeforeMs: 2_000 }, "outbox_queued"],
  ["one organization", { organizationIds: ["org-1"] }, "outbox_queued"],
  ["sent", { states: ["sent"] }, "outbox_queued"],
  ["sent and failed", { states: ["sent", "failed"] }, "outbox_queued"],
  ["failed", { states: ["failed"] }, "outbox_unsent"],
  ["bounced, which there is none of", { states: ["bounced"] }, "outbox_unsent"],
  ["waiting", { states: ["queued", "retrying"] }, "outbox_due"],
  ["one user", { userId: "user-7" }, "outbox_user"],
  ["one recipient", { recipient: "user-7@EXAMPLE.com" }, "outbox_recipient"],
  ["nobody's", { recipient: "nobody@example.com", states: ["failed"] }, "outbox_recipient"],
];

function sqlOf(filter: Filter) {
  return listDeliveriesSql({ limit: 50, timeoutMs: 1_000, ...filter });
}

describe.each(FILTERS)("%s", (_what, filter, index) => {
  test(`is read off ${index}`, () => {
    const { text, parameters } = sqlOf(filter);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters) as { detail: string }[];
    const details = plan.map(({ detail }) => detail);
    expect(details[0]).toContain(index);
    const sorts = details.filter((detail) => detail.includes("TEMP B-TREE"));
    expect(sorts.length > 0).toBe(index === "outbox_due");
  });

  test("takes a fraction of the time that all rows take", () => {
    const { text, parameters } = sqlOf(filter);
    const statement = database.prepare(text);
    const all = database.prepare(
      "SELECT count(*) FROM outbox WHERE within_deadline() AND url_template || state <> ?",
    );
    const best = (run: () => unknown) =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const beganMs = performance.now();
          run();
          return performance.now() - beganMs;
        }),
      );
    expect(best(() => statement.all(...parameters))).toBeLessThan(best(() => all.get("x")) / 5);
  });
});
