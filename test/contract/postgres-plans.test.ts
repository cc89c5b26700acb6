// What the statements of calls cost does not grow with what is kept: each finds its rows by an index, even where the
// server plans it once for all values. The statements are those that a store sends; nobody has to list them here.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Client } from "pg";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { World } from "./world.ts";

jest.setTimeout(60_000);

/** Enough for the planner to see that an index is worth it. */
const KEPT_ROWS = 30_000;
/** Of what `countersign keys` asks, this looks at everything that is kept. */
const LOOKS_AT_ALL = ["select_kept_keys"];
/** Tables of a few rows; the dev inbox keeps 500 mails. */
const SMALL = /Seq Scan on (?:log_head|metadata|organizations|inbox)\b/;

let server: TestPostgres;
beforeAll(async () => {
  server = await TestPostgres.start();
});
afterAll(() => server.stop());

/** Everything that is sent under a name, from now on. */
function recordStatements(): ReadonlyMap<string, string> {
  const statements = new Map<string, string>();
  const send = Reflect.get(Client.prototype, "query") as (this: Client, ...args: unknown[]) => unknown;
  const recording = function (this: Client, ...args: unknown[]): unknown {
    const [query] = args as [{ readonly name?: string; readonly text: string } | string];
    if (typeof query !== "string" && query.name !== undefined) statements.set(query.name, query.text);
    return send.apply(this, args);
  };
  jest.spyOn(Client.prototype, "query").mockImplementation(recording);
  return statements;
}

/** Rows of calls long over, each one pending or live row among many that are not. */
async function fill(database: string, nowMs: number): Promise<void> {
  const series = `generate_series(1, ${KEPT_ROWS}) i`;
  await server.query(
    `INSERT INTO outbox (delivery_id, kind, code_id, user_id, organization_id, recipient, recipient_folded, url_template,
       accept_language, new_address, queued_at_ms, expires_at_ms, state, ended_at_ms)
     SELECT 'delivery-' || i, 'code', 'code-' || i, 'user-' || i, 'org-1', '', '', '', '', '', ${nowMs} - i, ${nowMs}, 'sent',
       ${nowMs} FROM ${series};
     INSERT INTO delivery_log SELECT i, 1, ${nowMs}, '{"kind": "sent"}' FROM ${series};
     INSERT INTO events SELECT 1000 + i, 'user', 'user-' || i, 1, 'user.human.added', '{}', ${nowMs}, 'org-1', '{}' FROM ${series};
     UPDATE log_head SET position = 1000 + ${KEPT_ROWS};
     INSERT INTO aggregates SELECT 'user', 'user-' || i, '{"sequence": 1}' FROM ${series};
     INSERT INTO users SELECT 'user-' || i, 'org-1', 'active', 'name-' || i, '', '', '', '', 'user-' || i, '', '', '', '', '', '', 1
       FROM ${series};
     INSERT INTO claims SELECT 'username', 'name-' || i, 'user-' || i FROM ${series};
     INSERT INTO buckets SELECT 'bucket-' || i, 1, ${nowMs} + 1 FROM ${series};
     INSERT INTO kept_replies SELECT 'scope-' || i, '', '', '{}', NULL, ${nowMs} + 1 FROM ${series};
     INSERT INTO access_tokens SELECT 'token-' || i, 'hash-' || i, 'robot', 'org-1', 1 FROM ${series};
     INSERT INTO suppressions (organization_id, address_key, address, type, enhanced_code, diagnostic, delivery_id,
       created_at_ms, user_id) SELECT 'org-1', 'key-' || i, '', '', '', '', '', 1, 'user-' || i FROM ${series};
     INSERT INTO erasures SELECT 'user-' || i, ${nowMs} + 1 FROM ${series}`,
    database,
  );
  await server.query("VACUUM ANALYZE", database);
}

/** What calls, mails, housekeeping and the other instances have it do. */
async function live(world: World): Promise<void> {
  const { store, nowMs } = world;
  await world.addUser("ada");
  await world.sendCode("ada", { kind: "return" });
  await world.verify("ada", "WRONG2").catch(() => {});
  const idempotency = { scope: "scope", fingerprint: "fingerprint" };
  await world.withNewCode({
    type: "email.sendCode",
    userId: "ada",
    verification: { kind: "send" },
    idempotency,
  });
  const [claimed] = await store.claimDeliveries(5, nowMs, nowMs + 60_000);
  if (claimed === undefined) throw new Error("no mail was queued");
  const { deliveryId, leaseId } = claimed;
  const hold = await store.holdUser("ada", () => {});
  hold.release();
  await store.changeDelivery({ kind: "cancel", deliveryId, by: "op" }, nowMs);
  await world.settle({ deliveryId, leaseId, outcome: { state: "sent" } });
  await world.verify("ada", world.codeOf("ada"));
  await world.setEmail("ada", "ada@example.net");
  await world.run({ type: "user.delete", userId: "ada" });
  await store.findUser("ada");
  await store.findAccessToken("hash of token");
  await store.findClaim({ scope: "username", value: "ada" });
  await store.findDelivery(deliveryId);
  await store.findSuppression("org-1", "ada@example.com");
  await store.readEvents(1, 10);
  await store.lastPosition();
  await store.nextDeliveryDueMs();
  await store.figures();
  await store.keyUses();
  await store.addInboxMail({ deliveryId, receivedAtMs: nowMs, sealed: "" });
  await store.findInboxMail(deliveryId);
  await store.maintain({ kind: "pruneBuckets", nowMs });
  await store.maintain({ kind: "pruneReplies", nowMs });
  await store.maintain({ kind: "pruneDeliveries", endedBeforeMs: 0 });
  await store.maintain({ kind: "pruneEvents", recordedBeforeMs: 0 });
  await store.maintain({ kind: "eraseUsers", removedBeforeMs: nowMs, nowMs });
  await store.maintain({ kind: "recordTokenUses", uses: [{ tokenId: "token", usedAtMs: 1 }] });
}

/** @returns the plan that the server makes without a look at the values, a line each */
async function planOf(client: Client, name: string, text: string): Promise<readonly string[]> {
  const count = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, index]) => Number(index)));
  const values = count === 0 ? "" : `(${Array<string>(count).fill("NULL").join(", ")})`;
  await client.query(`PREPARE "${name}" AS ${text}`);
  const { rows } = await client.query<{ "QUERY PLAN": string }>(`EXPLAIN EXECUTE "${name}"${values}`);
  return rows.map((row) => row["QUERY PLAN"]);
}

test("no statement of calls, mails or housekeeping reads a table that grows as a whole", async () => {
  const database = await server.createDatabase();
  const statements = recordStatements();
  const store = await PostgresStore.open({ server: server.at(database) });
  const world = new World(store);
  await world.addOrganization();
  await world.addServiceAccount("robot");
  await world.setToken("token", "robot", "hash of token");
  await fill(database, world.nowMs);
  await live(world);
  await store.close();
  jest.restoreAllMocks();

  const client = new Client(server.at(database));
  await client.connect();
  try {
    await client.query("SET plan_cache_mode = force_generic_plan");
    const kept = [...statements].filter(([, text]) =>
      /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/.test(text),
    );
    const reading: string[] = [];
    for (const [name, text] of kept) {
      const plan = await planOf(client, name, text);
      const isRead = plan.some((line) => line.includes("Seq Scan on") && !SMALL.test(line));
      if (isRead) reading.push(name);
    }
    expect(kept.map(([name]) => name)).toEqual(
      expect.arrayContaining(["claim_deliveries", "select_tokens", "select_replies", "append_events"]),
    );
    expect(reading.toSorted()).toEqual(LOOKS_AT_ALL.toSorted());
  } finally {
    await client.end();
  }
});
