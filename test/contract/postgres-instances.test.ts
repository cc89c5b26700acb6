// Several instances on one PostgreSQL database share everything: sequences, limits, answers, mails, news.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import type { PostgresStoreOptions } from "../../src/store/postgres/options.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { Commit, RecordedEvent } from "../../src/store/store.ts";
import { grantsOf } from "../../src/verification/roles.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { eventsOf, historyProblems, readLog } from "./history-checker.ts";
import { ORGANIZATION, outcomes, same, times, World } from "./world.ts";

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

async function newDatabase(): Promise<string> {
  const database = await server.createDatabase();
  undo.push(() => server.dropDatabase(database));
  return database;
}

async function join(database: string, options: Partial<PostgresStoreOptions> = {}): Promise<World> {
  const store = await PostgresStore.open({ server: server.at(database), pollIntervalMs: 100, ...options });
  undo.push(() => store.close());
  return new World(store, { maxAttemptsPerClient: 5, maxAttemptsPerCode: 12 });
}

async function openInstances(count: number, options: Partial<PostgresStoreOptions> = {}): Promise<World[]> {
  const database = await newDatabase();
  const worlds = await Promise.all(times(count, () => join(database, options)));
  await worlds[0]?.addOrganization();
  return worlds;
}

async function until(holds: () => boolean, withinMs = 5_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error("it did not come to that in time");
    await sleep(5);
  }
}

/** Reads as a watcher does: all after the last position seen, whenever there is news. */
function watch(world: World): { readonly seen: RecordedEvent[]; readonly stop: () => Promise<void> } {
  const seen: RecordedEvent[] = [];
  const stopping = new AbortController();
  const following = (async () => {
    while (!stopping.signal.aborted) {
      seen.push(...(await world.store.readEvents(seen.at(-1)?.position ?? 0, 50)));
      await sleep(1);
    }
  })();
  return {
    seen,
    async stop() {
      stopping.abort();
      await following;
    },
  };
}

describe("commands", () => {
  test("on one user from three instances: sequences without gap or twin", async () => {
    const worlds = await openInstances(3);
    await worlds[0]?.addUser("ada");
    const replies = await Promise.all(worlds.flatMap((world) => times(60, () => world.sendCode("ada"))));
    expect(replies.map(({ details }) => details.sequence).toSorted((a, b) => a - b)).toEqual(
      times(180, (index) => index + 2),
    );
    for (const world of worlds) expect(await historyProblems(world.store)).toEqual([]);
  });

  test("on the same users in opposite orders: no deadlock that anybody notices", async () => {
    const [a, b] = (await openInstances(2)) as [World, World];
    await Promise.all(times(40, (index) => a.addUser(`user-${index}`)));
    for (let round = 0; round < 10; round++) {
      const { refusals, errors } = await outcomes([
        ...times(40, (index) => a.sendCode(`user-${index}`)),
        ...times(40, (index) => b.sendCode(`user-${39 - index}`)),
      ]);
      expect({ refusals, errors }).toEqual({ refusals: [], errors: [] });
    }
    expect(await historyProblems(b.store)).toEqual([]);
  });

  test("two owners who end each other by two instances: one is left", async () => {
    const [a, b] = (await openInstances(2)) as [World, World];
    const remove = (world: World, serviceAccountId: string, userId: string) =>
      world.store.execute(
        { type: "serviceAccount.remove", serviceAccountId },
        world.plain({
          kind: "principal",
          userId,
          organizationId: ORGANIZATION,
          grants: grantsOf([{ role: "IAM_OWNER" }, { role: "ORG_OWNER", organizationId: ORGANIZATION }]),
        }),
      );
    for (let round = 0; round < 20; round++) {
      const [one, other] = [`one-${round}`, `other-${round}`];
      await Promise.all([a.addServiceAccount(one), b.addServiceAccount(other)]);
      const { answers, refusals, errors } = await outcomes([remove(a, one, other), remove(b, other, one)]);
      expect({ answers, refusals, errors }).toEqual({
        answers: [null],
        refusals: ["LAST_OWNER"],
        errors: [],
      });
      const left = (await a.store.findServiceAccount(one))?.status === "active" ? one : other;
      await a.store.execute({ type: "serviceAccount.remove", serviceAccountId: left }, a.plain());
    }
  });

  test("one name, one id, one code, one budget of tries, whoever asks", async () => {
    const worlds = await openInstances(3);
    const [first] = worlds as [World];
    const named = await outcomes(
      worlds.flatMap((world, instance) =>
        times(20, (index) => world.addUser(`user-${instance}-${index}`, { username: "wanted" })),
      ),
    );
    expect(named.answers).toHaveLength(1);
    expect(named.refusals).toEqual(same(59, "USERNAME_TAKEN"));
    expect(named.errors).toEqual([]);

    await first.addUser("ada");
    await first.sendCode("ada");
    const guessed = await outcomes(
      worlds.flatMap((world) =>
        times(20, (index) => world.verify("ada", "WRONG2", { client: `client-${index % 4}` })),
      ),
    );
    expect(guessed.refusals.filter((name) => name === "CODE_INVALID")).toHaveLength(12);
    expect(guessed.refusals.filter((name) => name === "CODE_USED_UP")).toHaveLength(48);

    await first.sendCode("ada");
    const code = first.codeOf("ada");
    const verified = await Promise.all(worlds.map((world) => world.verify("ada", code, { client: "other" })));
    expect(new Set(verified.map(({ details }) => details.sequence)).size).toBe(1);
    expect(await historyProblems(first.store)).toEqual([]);
  });
});

describe("mails", () => {
  test("no mail is claimed by two instances", async () => {
    const worlds = await openInstances(3);
    const [first] = worlds as [World];
    await first.addUser("ada");
    await Promise.all(times(90, () => first.sendCode("ada")));
    const claims = await Promise.all(
      worlds.flatMap((world) =>
        times(5, () => world.store.claimDeliveries(10, world.nowMs, world.nowMs + 60_000)),
      ),
    );
    const ids = claims.flat().map(({ deliveryId }) => deliveryId);
    expect(ids).toHaveLength(90);
    expect(new Set(ids).size).toBe(90);
  });

  test("what an instance leaves behind at its end is due for the others at once", async () => {
    const [a, b] = (await openInstances(2)) as [World, World];
    await a.addUser("ada");
    await a.sendCode("ada");
    const [claimed] = await a.store.claimDeliveries(1, a.nowMs, a.nowMs + 60_000);
    expect(await b.store.claimDeliveries(1, b.nowMs, b.nowMs + 60_000)).toEqual([]);
    await a.store.close();
    expect(await b.store.claimDeliveries(1, b.nowMs, b.nowMs + 60_000)).toMatchObject([
      { deliveryId: claimed?.deliveryId },
    ]);
  });

  test("who has claimed a mail hears that it is cancelled elsewhere", async () => {
    const [a, b] = (await openInstances(2)) as [World, World];
    const heard: Commit[] = [];
    a.store.committed((commit) => heard.push(commit));
    await a.addUser("ada");
    await a.sendCode("ada");
    const [claimed] = await a.store.claimDeliveries(1, a.nowMs, a.nowMs + 60_000);
    const deliveryId = claimed?.deliveryId ?? "";
    await b.store.changeDelivery({ kind: "cancel", deliveryId, by: "op" }, b.nowMs);
    await until(() => heard.some(({ cancelRequests }) => cancelRequests.length > 0));
    expect(heard.flatMap(({ cancelRequests }) => cancelRequests)).toEqual([{ deliveryId, by: "op" }]);
  });

  test("mail that its own instance does not send is found by the others", async () => {
    const [a, b] = (await openInstances(2)) as [World, World];
    const heard: Commit[] = [];
    b.store.committed((commit) => heard.push(commit));
    await a.addUser("ada");
    await a.sendCode("ada");
    await until(() => heard.some(({ queuedMail }) => queuedMail));
  });
});

describe("news", () => {
  test.each([
    ["by word and by looking", "none"],
    ["by looking alone, as behind a pooler", "transaction"],
  ] as const)("an instance hears whose users others changed, %s", async (_how, pooler) => {
    const [a, b] = (await openInstances(2, { pooler })) as [World, World];
    const heard: Commit[] = [];
    b.store.committed((commit) => heard.push(commit));
    await a.addUser("ada");
    await a.addUser("eve");
    await until(() => heard.flatMap(({ changedUsers }) => changedUsers).length >= 2);
    expect(heard.flatMap(({ changedUsers }) => changedUsers).toSorted()).toEqual(["ada", "eve"]);
    const positions = heard.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((x, y) => x - y));
    expect(positions.at(-1)).toBe((await readLog(a.store)).at(-1)?.position);
  });

  test("watchers of every instance see every event once and in order, while all of them write", async () => {
    const worlds = await openInstances(3);
    const watchers = worlds.map(watch);
    for (const { stop } of watchers) undo.push(stop);
    await Promise.all(
      worlds.flatMap((world, instance) =>
        times(8, async (caller) => {
          for (let round = 0; round < 15; round++) {
            await world.addUser(`user-${instance}-${caller}-${round}`, {
              email: {
                address: `${instance}-${caller}-${round}@example.com`,
                verification: { kind: "send" },
              },
            });
            if (round % 5 === 0) await sleep(1);
          }
        }),
      ),
    );
    const log = await readLog((worlds[0] as World).store);
    for (const { seen } of watchers) await until(() => seen.length >= log.length);
    for (const { seen, stop } of watchers) {
      await stop();
      expect(seen).toEqual(log);
    }
    expect(log.map(({ position }) => position)).toEqual(times(log.length, (index) => index + 1));
  });
});

describe("what is done beside the calls", () => {
  test("instances erase deleted users together, each of them once", async () => {
    const worlds = await openInstances(3);
    const [first] = worlds as [World];
    await Promise.all(
      times(40, async (index) => {
        await first.addUser(`user-${index}`, { username: `secret-name-${index}` });
        await first.sendCode(`user-${index}`);
        await first.run({ type: "user.delete", userId: `user-${index}` });
      }),
    );
    await first.addUser("ada");
    const task = { kind: "eraseUsers", removedBeforeMs: first.nowMs, nowMs: first.nowMs } as const;
    await Promise.all(worlds.map(({ store }) => store.maintain(task)));
    // Those that one held when the others looked are done by the one.
    const log = await readLog(first.store);
    expect(JSON.stringify(log)).not.toContain("secret-name");
    expect(log.filter(({ aggregateId }) => aggregateId === "ada")).toHaveLength(1);
    expect(JSON.stringify(log)).toContain("ada@example.com");
    expect(await historyProblems(first.store)).toEqual([]);
  });

  test("the last use of a token is the latest, whoever writes it when", async () => {
    const worlds = await openInstances(3);
    const [first] = worlds as [World];
    await first.addServiceAccount("robot");
    const ids = times(30, (index) => `token-${index}`);
    for (const id of ids) await first.setToken(id, "robot", `hash of ${id}`);
    await Promise.all(
      times(12, async (round) => {
        const uses = ids.map((tokenId, index) => ({ tokenId, usedAtMs: 1 + ((round + index) % 12) }));
        const inSomeOrder = round % 2 === 0 ? uses : uses.toReversed();
        await worlds[round % 3]?.store.maintain({ kind: "recordTokenUses", uses: inSomeOrder });
      }),
    );
    const { tokens } = await first.store.listAccessTokens({ limit: 100, timeoutMs: 10_000 });
    expect(tokens.map(({ lastUsedAtMs }) => lastUsedAtMs)).toEqual(same(30, 12));
  });

  test("an account that one instance removes gets no token from another", async () => {
    const [a, b] = (await openInstances(2)) as [World, World];
    for (let round = 0; round < 20; round++) {
      const serviceAccountId = `robot-${round}`;
      await a.addServiceAccount(serviceAccountId);
      const add = { type: "accessToken.add", serviceAccountId, expiresAtMs: null } as const;
      await outcomes([
        a.store.execute({ type: "serviceAccount.remove", serviceAccountId }, a.plain()),
        ...times(3, (index) =>
          b.store.execute(
            { ...add, tokenId: `${round}-${index}`, hash: `hash ${round}-${index}` },
            b.plain(),
          ),
        ),
      ]);
    }
    const { tokens } = await a.store.listAccessTokens({ limit: 100, timeoutMs: 10_000 });
    expect(tokens).toEqual([]);
  });
});

test("a commit that takes long is not overtaken: no watcher passes over its events", async () => {
  const database = await newDatabase();
  const [a, b] = await Promise.all([join(database), join(database)]);
  await a.addOrganization();
  await server.query(
    `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN IF NEW.aggregate_id = 'slow' THEN PERFORM pg_sleep(0.3); END IF; RETURN NULL; END $$;
     CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION dawdle();`,
    database,
  );
  const { seen, stop } = watch(b);
  undo.push(stop);
  const isDawdling = async () =>
    (
      await server.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = '${database}' AND wait_event = 'PgSleep'`,
      )
    ).length > 0;
  const slow = a.addUser("slow");
  while (!(await isDawdling())) await sleep(2);
  await b.addUser("fast");
  await slow;
  await until(() => seen.length >= 3);
  expect(seen.map(({ aggregateId }) => aggregateId)).toEqual(["org-1", "slow", "fast"]);
  expect(seen).toEqual(await readLog(a.store));
});

describe("the tables", () => {
  test("ten instances that start at once make them once", async () => {
    const database = await newDatabase();
    const worlds = await Promise.all(times(10, () => join(database)));
    await worlds[3]?.addOrganization();
    expect(await worlds[7]?.store.findOrganization("org-1")).toMatchObject({ sequence: 1 });
    expect(await server.query("SELECT version FROM schema_migrations", database)).toEqual([{ version: 1 }]);
  });

  test("a database that a newer version extended is served; one that it changed for good is not", async () => {
    const database = await newDatabase();
    await join(database);
    await server.query("INSERT INTO schema_migrations (version, served_from) VALUES (2, 1)", database);
    const world = await join(database);
    await world.addOrganization();
    await server.query("INSERT INTO schema_migrations (version, served_from) VALUES (3, 3)", database);
    await expect(join(database)).rejects.toThrow("run a newer Countersign");
    // Those that run already go on.
    await world.addUser("ada");
    expect(await eventsOf(world.store, { type: "user", id: "ada" })).toHaveLength(1);
  });
});
