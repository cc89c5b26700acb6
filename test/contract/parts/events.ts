// Lists of events: what passes which filter, in both orders, in pages of any size, whatever the time that a page has.
import { describe, expect, test } from "@jest/globals";
import type { EventPage, EventQuery } from "../../../src/store/event-query.ts";
import type { RecordedEvent, Store } from "../../../src/store/store.ts";
import type { Caller } from "../../../src/verification/caller.ts";
import { readLog } from "../history-checker.ts";
import type { OpenWorld } from "../store-contract.ts";
import { refusal, times, userAdd, type World } from "../world.ts";

const MINUTE_MS = 60_000;

type Passes = (event: RecordedEvent) => boolean;

/** Three users of two organizations, with some minutes between what they do. */
async function historyOf(world: World): Promise<readonly RecordedEvent[]> {
  await world.addOrganization("org-2");
  for (const [userId, organizationId] of [
    ["ada", "org-1"],
    ["bob", "org-2"],
    ["eve", "org-1"],
  ] as const) {
    world.nowMs += 5 * MINUTE_MS;
    await world.addUser(userId, { organizationId });
    await world.sendCode(userId);
    world.nowMs += 5 * MINUTE_MS;
    await refusal(world.verify(userId, "WRONG2"));
    await world.verify(userId, world.codeOf(userId));
  }
  await world.run({ type: "user.delete", userId: "bob" });
  return await readLog(world.store);
}

async function allPages(store: Store, query: Partial<EventQuery>): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  let cursor: number | undefined;
  do {
    const page: EventPage = await store.listEvents({
      oldestFirst: false,
      limit: 1_000,
      timeoutMs: 10_000,
      ...query,
      ...(cursor !== undefined && { cursor }),
    });
    expect(page.events.length).toBeLessThanOrEqual(query.limit ?? 1_000);
    found.push(...page.events);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

export function eventsContract(open: OpenWorld): void {
  const filters: readonly (readonly [
    string,
    (log: readonly RecordedEvent[]) => [Partial<EventQuery>, Passes],
  ])[] = [
    ["no filter", () => [{}, () => true]],
    ["a user", () => [{ userId: "ada" }, ({ aggregateId }) => aggregateId === "ada"]],
    ["a user that was deleted", () => [{ userId: "bob" }, ({ aggregateId }) => aggregateId === "bob"]],
    ["a user that never was", () => [{ userId: "nobody" }, () => false]],
    [
      "types",
      () => {
        const types = ["user.human.added", "user.removed"];
        return [{ types }, ({ type }) => types.includes(type)];
      },
    ],
    [
      "an organization",
      () => [{ organizationIds: ["org-2"] }, ({ organizationId }) => organizationId === "org-2"],
    ],
    ["no organization", () => [{ organizationIds: [] }, () => false]],
    [
      "a position",
      (log) => {
        const afterPosition = log[7]?.position ?? 0;
        return [{ afterPosition }, ({ position }) => position > afterPosition];
      },
    ],
    [
      "a time from",
      (log) => {
        const createdFromMs = log[8]?.createdAtMs ?? 0;
        return [{ createdFromMs }, ({ createdAtMs }) => createdAtMs >= createdFromMs];
      },
    ],
    [
      "a time before",
      (log) => {
        const createdBeforeMs = log[8]?.createdAtMs ?? 0;
        return [{ createdBeforeMs }, ({ createdAtMs }) => createdAtMs < createdBeforeMs];
      },
    ],
    [
      "a user, types, an organization, a position and times",
      (log) => {
        const ada = log.filter(({ aggregateId }) => aggregateId === "ada");
        const [first, , , last] = ada;
        const afterPosition = first?.position ?? 0;
        const createdBeforeMs = (last?.createdAtMs ?? 0) + 1;
        const types = ["user.human.email.verification.failed", "user.human.added"];
        return [
          {
            userId: "ada",
            types,
            organizationIds: ["org-1"],
            afterPosition,
            createdFromMs: 1,
            createdBeforeMs,
          },
          (event) => event === ada[2],
        ];
      },
    ],
    ["a user of another organization", () => [{ userId: "ada", organizationIds: ["org-2"] }, () => false]],
  ];

  describe.each(filters)("%s", (_name, describeFilter) => {
    test.each([
      ["newest first", false],
      ["oldest first", true],
    ])("%s", async (_order, oldestFirst) => {
      const world = await open();
      const log = await historyOf(world);
      const [query, passes] = describeFilter(log);
      const passing = log.filter(passes);
      const expected = oldestFirst ? passing : passing.toReversed();
      for (const limit of [1_000, passing.length || 1, 2, 1]) {
        expect(await allPages(world.store, { ...query, oldestFirst, limit })).toEqual(expected);
      }
    });
  });

  test("a page whose time is up is short, and the next one goes on: nothing is lost", async () => {
    const world = await open();
    await Promise.all(times(2_000, (index) => world.run(userAdd(`user-${index}`))));
    await world.run({ type: "user.delete", userId: "user-7" });
    for (const oldestFirst of [true, false]) {
      const query = { types: ["org.added", "user.removed"], oldestFirst, limit: 10 };
      const first = await world.store.listEvents({ ...query, timeoutMs: 0 });
      expect(first.events).toHaveLength(1);
      expect(first.next).toBeDefined();
      const found = (await allPages(world.store, { ...query, timeoutMs: 0 })).map(({ type }) => type);
      expect(found).toEqual(oldestFirst ? ["org.added", "user.removed"] : ["user.removed", "org.added"]);
    }
  });

  test("clocks that are set back by less than a minute hide nothing", async () => {
    const world = await open();
    for (const [index, offsetMs] of [0, 50_000, 10_000, 59_000, 5_000, 30_000, 1_000].entries()) {
      const nowMs = world.nowMs;
      world.nowMs += offsetMs;
      await world.run(userAdd(`user-${index}`));
      world.nowMs = nowMs;
    }
    const log = await readLog(world.store);
    const fromMs = world.nowMs + 9_000;
    const from = await allPages(world.store, { createdFromMs: fromMs, oldestFirst: true });
    expect(from).toEqual(log.filter(({ createdAtMs }) => createdAtMs >= fromMs));
    const before = await allPages(world.store, { createdBeforeMs: fromMs, oldestFirst: true });
    expect(before).toEqual(log.filter(({ createdAtMs }) => createdAtMs < fromMs));
  });

  test("the last position is that of the last event", async () => {
    const world = await open();
    expect(await world.store.lastPosition()).toBe((await readLog(world.store)).at(-1)?.position);
    await world.addUser("ada");
    expect(await world.store.lastPosition()).toBe((await readLog(world.store)).at(-1)?.position);
  });

  test("events tell who caused them and where they came from, lists and the log alike", async () => {
    const world = await open();
    const principal: Caller = { kind: "principal", userId: "admin", organizationId: "org-1", grants: [] };
    const env = { ...world.plain(principal), caller: { kind: "system" } as const };
    await world.store.execute(userAdd("ada"), {
      ...env,
      origin: { requestId: "request-1", clientAddress: "192.0.2.7" },
    });
    await world.store.execute(userAdd("bob"), { ...env, origin: { requestId: "request-2" } });
    await world.store.execute(userAdd("eve"), env);
    const log = (await readLog(world.store)).slice(1);
    expect(log.map(({ editor, origin }) => ({ editor, origin }))).toEqual([
      { editor: "system", origin: { requestId: "request-1", clientAddress: "192.0.2.7" } },
      { editor: "system", origin: { requestId: "request-2" } },
      { editor: "system", origin: undefined },
    ]);
    expect((await allPages(world.store, { oldestFirst: true })).slice(1)).toEqual(log);
  });
}
