// A PostgreSQL that is slow, away, restarted or lost under a COMMIT: no call hangs, none is answered wrongly, and the
// store recovers by itself.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { PostgresStoreOptions } from "../../src/store/postgres/options.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { eventsOf, historyProblems, readLog } from "./history-checker.ts";
import { outcomes, refusal, SYSTEM, times, World } from "./world.ts";

jest.setTimeout(60_000);

let server: TestPostgres;
const undo: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});
afterAll(() => server.stop());

async function open(options: Partial<PostgresStoreOptions> = {}): Promise<World & { database: string }> {
  const database = await server.createDatabase();
  const store = await PostgresStore.open({
    server: server.at(database),
    statementTimeoutMs: 1_000,
    lockTimeoutMs: 300,
    connectTimeoutMs: 500,
    ...options,
  });
  undo.push(async () => {
    await store.close();
    await server.dropDatabase(database);
  });
  const world = Object.assign(new World(store), { database });
  await world.addOrganization();
  return world;
}

async function openThroughProxy(): Promise<{ world: World; direct: World; proxy: TcpProxy }> {
  const proxy = await TcpProxy.to(server.port);
  undo.push(() => proxy.close());
  const direct = await open();
  const store = await PostgresStore.open({
    server: server.at(direct.database, proxy.port),
    statementTimeoutMs: 1_000,
    connectTimeoutMs: 500,
  });
  undo.push(() => store.close());
  return { world: new World(store), direct, proxy };
}

/** Waits until writes go through again. */
async function recovered(world: World, withinMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while ((await outcomes([world.sendCode("ada")])).answers.length === 0) {
    if (performance.now() > deadlineMs) throw new Error("the store did not recover");
    await sleep(20);
  }
}

describe("one command that cannot be executed", () => {
  test("a row that somebody holds refuses its own command only", async () => {
    const world = await open();
    await Promise.all(times(20, (index) => world.addUser(`user-${index}`)));
    const holder = new Client(server.at(world.database));
    await holder.connect();
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM aggregates WHERE type = 'user' AND id = 'user-7' FOR UPDATE");
    const { answers, refusals, errors } = await outcomes(
      times(20, (index) => world.sendCode(`user-${index}`)),
    );
    expect({ answers: answers.length, refusals, errors }).toEqual({
      answers: 19,
      refusals: ["STORE_UNAVAILABLE"],
      errors: [],
    });
    expect(world.store.isHealthy()).toBe(true);
    await holder.end();
    expect((await world.sendCode("user-7")).details.sequence).toBe(2);
    expect(await historyProblems(world.store)).toEqual([]);
  });

  test("a value that the database does not take fails alone", async () => {
    const world = await open();
    await world.addUser("ada");
    const { answers, errors } = await outcomes(
      times(20, (index) => {
        const { env } = world.environments.withNewCode(SYSTEM, "ada", {
          acceptLanguage: index === 7 ? "a\0b" : "",
        });
        const verification = { kind: "send" } as const;
        return world.store.execute({ type: "email.sendCode", userId: "ada", verification }, env);
      }),
    );
    expect({ answers: answers.length, errors: errors.length }).toEqual({ answers: 19, errors: 1 });
    expect(await historyProblems(world.store)).toEqual([]);
  });
});

describe("a server that goes away", () => {
  test("crashes and comes back, twice, under calls: what was answered is there, nothing else was said", async () => {
    const world = await open();
    await world.addUser("ada");
    const acknowledged: number[] = [];
    const others = new Set<string>();
    const stopping = new AbortController();
    const callers = times(24, async () => {
      while (!stopping.signal.aborted) {
        const { answers, refusals, errors } = await outcomes([world.sendCode("ada")]);
        for (const { details } of answers) acknowledged.push(details.sequence);
        for (const name of [...refusals, ...errors.map(String)]) others.add(name);
        if (answers.length === 0) await sleep(20);
      }
    });
    for (const mode of ["immediate", "fast"] as const) {
      const before = acknowledged.length;
      while (acknowledged.length < before + 200) await sleep(10);
      await server.halt(mode);
      await sleep(200);
      await server.resume();
    }
    await recovered(world);
    stopping.abort();
    await Promise.all(callers);
    expect([...others]).toEqual(["STORE_UNAVAILABLE"]);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    const recorded = new Set(
      (await eventsOf(world.store, { type: "user", id: "ada" })).map(({ sequence }) => sequence),
    );
    expect(acknowledged.filter((sequence) => !recorded.has(sequence))).toEqual([]);
    expect(await historyProblems(world.store)).toEqual([]);
    expect(world.store.isHealthy()).toBe(true);
  });

  test("idle connections that died with it are replaced without a refusal", async () => {
    const world = await open();
    await world.addUser("ada");
    await server.halt();
    await server.resume();
    expect((await world.sendCode("ada")).details.sequence).toBe(2);
    expect(await world.store.findUser("ada")).toMatchObject({ sequence: 2 });
  });
});

describe("a connection that goes deaf", () => {
  test("calls are refused in time, say when to come again, and work again by themselves", async () => {
    const { world, direct, proxy } = await openThroughProxy();
    await world.addUser("ada");
    proxy.goDeaf();
    const beganMs = performance.now();
    const calls = await Promise.all([
      refusal(world.sendCode("ada")),
      refusal(world.sendCode("ada")),
      refusal(world.store.findUser("ada")),
      refusal(world.list()),
      refusal(world.store.claimDeliveries(1, world.nowMs, world.nowMs + 1)),
    ]);
    expect(calls.map(({ name }) => name)).toEqual(calls.map(() => "STORE_UNAVAILABLE"));
    expect(calls.every(({ retryAfterMs }) => retryAfterMs !== undefined && retryAfterMs > 0)).toBe(true);
    // The list may take its own time, which is 10 s; the others: the statement's second, once more, and a connection's.
    expect(performance.now() - beganMs).toBeLessThan(12_000);
    const late = performance.now();
    expect(await refusal(world.sendCode("ada"))).toMatchObject({ name: "STORE_UNAVAILABLE" });
    expect(performance.now() - late).toBeLessThan(2_500);
    expect(world.store.isHealthy()).toBe(false);
    proxy.hear();
    await recovered(world);
    expect(world.store.isHealthy()).toBe(true);
    expect(await historyProblems(direct.store)).toEqual([]);
  });

  test("rows that it held are free again for the others", async () => {
    const { world, direct, proxy } = await openThroughProxy();
    await world.addUser("ada");
    // After the first trip: the row is locked, and the server waits for what comes next.
    proxy.cutsAfter = (data) => {
      if (!data.includes("load_aggregates\0")) return false;
      proxy.goDeaf();
      return false;
    };
    const lost = refusal(world.sendCode("ada"));
    await recovered(direct);
    proxy.cutsAfter = undefined;
    expect(await lost).toMatchObject({ name: "STORE_UNAVAILABLE" });
  });
});

describe("a connection that is lost under a COMMIT", () => {
  test("the answer says that the outcome is not known, and the history holds what was committed", async () => {
    const { world, direct, proxy } = await openThroughProxy();
    await world.addUser("ada");
    let cuts = 0;
    proxy.cutsAfter = (data) => data.includes("\0commit\0") && ++cuts === 1;
    expect(await refusal(world.sendCode("ada"))).toMatchObject({
      name: "STORE_UNAVAILABLE",
      text: expect.stringContaining("whether the call had its effect is not known"),
    });
    expect(cuts).toBe(1);
    await recovered(world);
    const sequences = (await eventsOf(direct.store, { type: "user", id: "ada" })).map(
      ({ sequence }) => sequence,
    );
    // The lost one was committed in this case, and the next came after it.
    expect(sequences).toEqual([1, 2, 3]);
    expect(await historyProblems(direct.store)).toEqual([]);
  });
});

test("a database whose commits are not durable by default gets durable ones from here", async () => {
  const world = await open();
  await server.query(`ALTER DATABASE ${world.database} SET synchronous_commit = off`);
  const store = await PostgresStore.open({ server: server.at(world.database) });
  undo.push(() => store.close());
  await server.query(
    `CREATE TABLE seen (setting TEXT);
     CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
     CREATE TRIGGER note AFTER INSERT ON events EXECUTE FUNCTION note();`,
    world.database,
  );
  await new World(store).addUser("ada");
  expect(await server.query("SELECT DISTINCT setting FROM seen", world.database)).toEqual([
    { setting: "on" },
  ]);
  expect(await readLog(store)).toHaveLength(2);
});
