// Users who are held on one instance of several: who waits for them, for how long, and who does not.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import type { PostgresStoreOptions } from "../../src/store/postgres/options.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { UserHold } from "../../src/store/store.ts";
import { monotonicNowMs } from "../../src/store/monotonic-clock.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { outcomes, refusal, times, World } from "./world.ts";

jest.setTimeout(60_000);

/** Longer than any test takes: a hold ends by what the test does, or not at all. */
const FOREVER_MS = 600_000;
const BRIEFLY_MS = 100;
const unheeded = () => {};

let server: TestPostgres;
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});
afterAll(() => server.stop());

interface Instances {
  readonly database: string;
  /** Holds users. */
  readonly holder: World;
  /** Is called. */
  readonly other: World;
}

async function openTwo(options: Partial<PostgresStoreOptions>, port?: number): Promise<Instances> {
  const database = await server.createDatabase();
  undo.push(() => server.dropDatabase(database));
  const join = async (at?: number): Promise<World> => {
    const store = await PostgresStore.open({
      server: server.at(database, at),
      pooler: "transaction",
      pollIntervalMs: FOREVER_MS,
      connectTimeoutMs: 500,
      ...options,
    });
    undo.push(() => store.close());
    return new World(store);
  };
  const other = await join();
  await other.addOrganization();
  await Promise.all(["ada", "bob"].map((id) => other.addUser(id)));
  return { database, holder: await join(port), other };
}

/** Says in `order` when it was answered, however. */
function note(order: string[], name: string, call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => order.push(name),
    () => order.push(name),
  );
}

describe("while a user is held elsewhere", () => {
  test("commands on that user are answered afterwards, those that are refused too", async () => {
    const { holder, other } = await openTwo({ holdMs: FOREVER_MS });
    const hold = await holder.store.holdUser("ada", unheeded);
    const order: string[] = [];
    const calls = [
      note(order, "done", other.sendCode("ada")),
      note(order, "refused", other.verify("ada", "WRONG2")),
    ];
    for (let round = 0; round < 3; round++) await other.sendCode("bob");
    expect(order).toEqual([]);
    expect(await other.store.findUser("ada")).toMatchObject({ sequence: 3 });
    hold.release();
    await Promise.all(calls);
    expect(order.toSorted()).toEqual(["done", "refused"]);
  });

  test("its transaction holds nobody up: commands on others share it and are answered", async () => {
    const { holder, other } = await openTwo({ holdMs: FOREVER_MS });
    await Promise.all(times(40, (index) => other.addUser(`user-${index}`)));
    const hold = await holder.store.holdUser("user-7", unheeded);
    const order: string[] = [];
    const calls = times(40, (index) => note(order, `user-${index}`, other.sendCode(`user-${index}`)));
    await Promise.all(calls.filter((_, index) => index !== 7));
    expect(order).toHaveLength(39);
    // Neither of these waits for a connection or a row.
    expect((await other.store.findUser("user-7"))?.sequence).toBe(2);
    expect(await other.store.claimDeliveries(100, other.nowMs, other.nowMs + 1)).toHaveLength(40);
    hold.release();
    await Promise.all(calls);
    expect(order.at(-1)).toBe("user-7");
  });

  test("a store that closes answers first", async () => {
    const { holder, other } = await openTwo({ holdMs: FOREVER_MS });
    const hold = await holder.store.holdUser("ada", unheeded);
    const order: string[] = [];
    const call = note(order, "answered", other.sendCode("ada"));
    await other.sendCode("bob");
    const closed = note(order, "closed", other.store.close());
    hold.release();
    await Promise.all([call, closed]);
    expect(order).toEqual(["answered", "closed"]);
  });

  test("another who wants to hold that user waits, others do not", async () => {
    const { holder, other } = await openTwo({ holdMs: FOREVER_MS });
    const hold = await holder.store.holdUser("ada", unheeded);
    const order: string[] = [];
    const next = other.store.holdUser("ada", unheeded).then((second) => {
      order.push("ada");
      return second;
    });
    const bob = await other.store.holdUser("bob", unheeded);
    bob.release();
    expect(order).toEqual([]);
    hold.release();
    (await next).release();
  });
});

describe("nobody waits for ever", () => {
  test("a hold that is not released ends by itself, and its holder is told", async () => {
    const { holder, other } = await openTwo({ holdMs: BRIEFLY_MS });
    const lost = Promise.withResolvers<void>();
    const hold = await holder.store.holdUser("ada", lost.resolve);
    expect(hold.untilMs).toBeLessThanOrEqual(monotonicNowMs() + BRIEFLY_MS);
    await other.sendCode("ada");
    expect(monotonicNowMs()).toBeGreaterThan(hold.untilMs);
    await lost.promise;
    (await heldAtLast(other)).release();
  });

  test("whoever holds a user all the time: others who want to are refused, commands are answered", async () => {
    const { database, other } = await openTwo({ holdMs: BRIEFLY_MS });
    const patient = await PostgresStore.open({ server: server.at(database), holdMs: FOREVER_MS });
    undo.push(() => patient.close());
    const hold = await patient.holdUser("ada", unheeded);
    expect(await refusal(other.store.holdUser("ada", unheeded))).toMatchObject({ name: "STORE_UNAVAILABLE" });
    expect(await other.sendCode("ada")).toMatchObject({ details: { sequence: 2 } });
    expect(other.store.isHealthy()).toBe(true);
    hold.release();
  });

  test("a connection that is lost takes the hold with it: the holder is told, commands are answered", async () => {
    const { database, holder, other } = await openTwo({ holdMs: FOREVER_MS });
    const lost = Promise.withResolvers<void>();
    await holder.store.holdUser("ada", lost.resolve);
    const answered = other.sendCode("ada");
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'
         AND database = (SELECT oid FROM pg_database WHERE datname = '${database}')`,
    );
    await Promise.all([lost.promise, answered]);
    (await holder.store.holdUser("ada", unheeded)).release();
  });

  test("a holder who has gone silent keeps nobody: commands are answered, and the server ends the hold", async () => {
    const proxy = await TcpProxy.to(server.port);
    undo.push(() => proxy.close());
    const { holder, other } = await openTwo({ holdMs: BRIEFLY_MS }, proxy.port);
    await holder.store.holdUser("ada", unheeded);
    proxy.goDeaf();
    await other.sendCode("ada");
    (await heldAtLast(other)).release();
  });

  test("a database that is away refuses, and holds again when it is back", async () => {
    const { holder } = await openTwo({ holdMs: FOREVER_MS });
    const lost = Promise.withResolvers<void>();
    await holder.store.holdUser("ada", lost.resolve);
    await server.halt();
    await lost.promise;
    expect(await refusal(holder.store.holdUser("ada", unheeded))).toMatchObject({
      name: "STORE_UNAVAILABLE",
    });
    await server.resume();
    (await heldAtLast(holder)).release();
  });
});

async function heldAtLast(world: World): Promise<UserHold> {
  for (;;) {
    const { answers } = await outcomes([world.store.holdUser("ada", unheeded)]);
    if (answers[0] !== undefined) return answers[0];
    await sleep(5);
  }
}
