// What is older than it is to be kept goes, piece by piece; everything that somebody still needs stays.
import { expect, test } from "@jest/globals";
import type { DeliveryState } from "../../../src/store/deliveries.ts";
import type { RecordedEvent, Settlement } from "../../../src/store/store.ts";
import { readLog } from "../history-checker.ts";
import type { OpenWorld } from "../store-contract.ts";
import { refusal, times, type World } from "../world.ts";

const DAY_MS = 86_400_000;
/** More than any adapter takes in one piece. */
const MANY = 1_300;

function pruneDeliveries(world: World, endedBeforeMs = world.nowMs): Promise<void> {
  return world.store.maintain({ kind: "pruneDeliveries", endedBeforeMs });
}

function pruneEvents(world: World, recordedBeforeMs = world.nowMs): Promise<void> {
  return world.store.maintain({ kind: "pruneEvents", recordedBeforeMs });
}

async function queueTest(world: World, deliveryId: string): Promise<void> {
  await world.store.changeDelivery(
    {
      kind: "test",
      deliveryId,
      organizationId: "org-1",
      recipient: `${deliveryId}@example.org`,
      expiresAtMs: world.nowMs + DAY_MS,
      allowsSuppressed: false,
      maxPerHour: 0,
    },
    world.nowMs,
  );
}

async function settleAll(world: World, outcome: Settlement["outcome"]): Promise<void> {
  const claimed = await world.store.claimDeliveries(10_000, world.nowMs, world.nowMs + 60_000);
  await world.settle(
    ...claimed.map(({ deliveryId, leaseId }) => ({
      deliveryId,
      leaseId,
      tried: { startedAtMs: world.nowMs, messageId: `<${deliveryId}@localhost>`, tries: [] },
      outcome,
    })),
  );
}

async function statesById({ store }: World): Promise<Record<string, DeliveryState>> {
  const { deliveries } = await store.listDeliveries({ limit: 1_000, timeoutMs: 10_000 });
  return Object.fromEntries(deliveries.map(({ deliveryId, state }) => [deliveryId, state]));
}

function bounce(world: World, deliveryId: string): Promise<void> {
  const report = { type: "permanent", suppresses: true, enhancedCode: "5.1.1" } as const;
  return world.store.changeDelivery(
    { kind: "bounce", deliveryId, by: "system", bounce: { ...report, diagnostic: "", reportingServer: "" } },
    world.nowMs,
  );
}

async function suppressed({ store }: World): Promise<string[]> {
  const { suppressions } = await store.listSuppressions({ limit: 100, timeoutMs: 10_000 });
  return suppressions.map(({ address }) => address);
}

const sequencesOf = (log: readonly RecordedEvent[], id: string) =>
  log.filter(({ aggregateId }) => aggregateId === id).map(({ sequence }) => sequence);

export function housekeepingContract(open: OpenWorld): void {
  test("mails go once they ended long enough ago, whatever their end; those that wait stay", async () => {
    const world = await open();
    const queueOne = async (deliveryId: string, outcome: Settlement["outcome"]) => {
      await queueTest(world, deliveryId);
      await settleAll(world, outcome);
    };
    await queueOne("sent", { state: "sent" });
    await queueOne("failed", { state: "failed", problem: "550" });
    await queueOne("expired", { state: "expired", problem: "too late" });
    await queueOne("bounced", { state: "sent" });
    await bounce(world, "bounced");
    await queueTest(world, "cancelled");
    await world.store.changeDelivery({ kind: "cancel", deliveryId: "cancelled", by: "ada" }, world.nowMs);
    await queueOne("retrying", { state: "retrying", retryAtMs: world.nowMs + DAY_MS, problem: "451" });
    await queueTest(world, "ends later");
    const [late] = await world.store.claimDeliveries(1, world.nowMs, world.nowMs + DAY_MS);
    await queueTest(world, "queued");
    expect(Object.keys(await statesById(world))).toHaveLength(8);

    world.nowMs += 1_000;
    await world.settle({ ...late, outcome: { state: "sent" } } as Settlement);
    await pruneDeliveries(world);
    expect(await statesById(world)).toEqual({ retrying: "retrying", queued: "queued", "ends later": "sent" });
    expect(await world.store.findDelivery("sent")).toBeUndefined();
    expect((await refusal(bounce(world, "sent"))).name).toBe("DELIVERY_NOT_FOUND");
    // What came of it stays.
    expect(await suppressed(world)).toEqual(["bounced@example.org"]);

    world.nowMs += 1;
    await pruneDeliveries(world);
    expect(await statesById(world)).toEqual({ retrying: "retrying", queued: "queued" });
    world.nowMs += DAY_MS;
    const pending = await world.store.claimDeliveries(10, world.nowMs, world.nowMs + 1);
    expect(pending.map(({ deliveryId }) => deliveryId).toSorted()).toEqual(["queued", "retrying"]);
  });

  test("a mail that takes the place of one that went has a timeline of its own", async () => {
    const world = await open();
    await queueTest(world, "first");
    await settleAll(world, { state: "failed", problem: "550" });
    world.nowMs += 1;
    await pruneDeliveries(world);
    await queueTest(world, "second");
    await settleAll(world, { state: "sent" });
    const { timeline } = (await world.store.findDelivery("second")) ?? {};
    expect(timeline).toMatchObject([{ event: { kind: "attempt", state: "sent" } }]);
  });

  test("the dev inbox's copies go too, and listeners hear of it", async () => {
    const world = await open();
    await queueTest(world, "old");
    await world.store.addInboxMail({ deliveryId: "old", receivedAtMs: world.nowMs, sealed: "x" });
    await settleAll(world, { state: "sent" });
    await world.store.addInboxMail({ deliveryId: "older than its row", receivedAtMs: 1, sealed: "x" });
    world.nowMs += 1_000;
    await world.store.addInboxMail({ deliveryId: "new", receivedAtMs: world.nowMs, sealed: "x" });
    const heard: boolean[] = [];
    world.store.committed(({ erasedMails }) => heard.push(erasedMails === true));
    await pruneDeliveries(world);
    expect((await world.store.listInboxMails(10)).map(({ deliveryId }) => deliveryId)).toEqual(["new"]);
    expect(heard).toContain(true);
    heard.length = 0;
    await pruneDeliveries(world);
    expect(heard).not.toContain(true);
  });

  test("many mails go piece by piece, with calls in between, and a stop in the midst loses nothing", async () => {
    const world = await open();
    await Promise.all(times(MANY, (index) => queueTest(world, `mail-${index}`)));
    await settleAll(world, { state: "sent" });
    world.nowMs += 1;
    await queueTest(world, "queued");
    const inOrder: string[] = [];
    const pruning = pruneDeliveries(world).then(() => inOrder.push("pruned"));
    await Promise.all([pruning, world.addUser("ada").then(() => inOrder.push("called"))]);
    expect(inOrder).toEqual(["called", "pruned"]);
    expect(await statesById(world)).toEqual({ queued: "queued" });

    await Promise.all(times(MANY, (index) => queueTest(world, `again-${index}`)));
    await settleAll(world, { state: "sent" });
    world.nowMs += 1;
    const broken = pruneDeliveries(world).catch(() => {});
    await world.reopen();
    await broken;
    await pruneDeliveries(world);
    expect(await statesById(world)).toEqual({});
  });

  test("old events go but for each one's last; sequences, positions and commands go on", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada");
    await world.addUser("bob");
    await world.setEmail("bob", "bob@example.org");
    const code = world.codeOf("ada");
    const before = await readLog(world.store);
    const [ada, bob] = [await world.store.findUser("ada"), await world.store.findUser("bob")];
    expect(await world.store.prunedPosition()).toBe(0);
    expect(sequencesOf(before, "bob")).toEqual([1, 2, 3]);

    await pruneEvents(world, world.nowMs);
    expect(await readLog(world.store)).toEqual(before);
    world.nowMs += 1;
    await pruneEvents(world);
    const left = await readLog(world.store);
    expect(left.map(({ aggregateId, sequence }) => [aggregateId, sequence])).toEqual([
      ["org-1", 1],
      ["ada", 2],
      ["bob", 3],
    ]);
    expect(await world.store.prunedPosition()).toBe(before.at(-2)?.position);
    expect(await world.store.lastPosition()).toBe(before.at(-1)?.position);
    expect([await world.store.findUser("ada"), await world.store.findUser("bob")]).toEqual([ada, bob]);
    expect((await world.list()).users.map(({ userId }) => userId)).toEqual(["ada", "bob"]);

    // The code's event is gone, the code works.
    expect((await world.verify("ada", code)).details.sequence).toBe(3);
    const after = await readLog(world.store);
    expect(sequencesOf(after, "ada")).toEqual([2, 3]);
    expect(after.at(-1)?.position).toBe((before.at(-1)?.position ?? 0) + 1);
    // What was the last one is so no more.
    await pruneEvents(world);
    expect(sequencesOf(await readLog(world.store), "ada")).toEqual([3]);
    expect(await world.store.prunedPosition()).toBe(before.at(-2)?.position);
  });

  test("lists show what is left, over gaps and along chains that end early", async () => {
    const world = await open();
    for (const userId of ["ada", "bob"]) await world.addUser(userId);
    await Promise.all(times(MANY, () => world.sendCode("ada", { kind: "return" })));
    world.nowMs += 1;
    await world.sendCode("bob");
    await pruneEvents(world);
    const left = await readLog(world.store);
    expect(left).toHaveLength(3);
    for (const oldestFirst of [true, false]) {
      const list = (more: { userId?: string }) =>
        world.store.listEvents({ ...more, oldestFirst, limit: 100, timeoutMs: 10_000 });
      const inOrder = oldestFirst ? left : left.toReversed();
      expect(await list({})).toEqual({ events: inOrder, next: undefined });
      expect((await list({ userId: "bob" })).events).toEqual(
        inOrder.filter(({ aggregateId }) => aggregateId === "bob"),
      );
    }
    const [first] = left;
    expect(await world.store.readEvents(first?.position ?? 0, 2)).toEqual(left.slice(1, 3));
  });

  test("many events go piece by piece, and a stop in the midst leaves whole histories' ends", async () => {
    const world = await open();
    await Promise.all(times(400, (index) => world.addUser(`user-${index}`)));
    for (let round = 0; round < 4; round++) {
      await Promise.all(times(400, (index) => world.sendCode(`user-${index}`, { kind: "return" })));
    }
    world.nowMs += 1;
    const broken = pruneEvents(world).catch(() => {});
    await world.reopen();
    await broken;
    await pruneEvents(world);
    const left = await readLog(world.store);
    expect(
      left.filter(({ aggregateType }) => aggregateType === "user").map(({ sequence }) => sequence),
    ).toEqual(Array(400).fill(5));
  });

  test("an erasure finds what is suppressed of a user whose mails and events were pruned", async () => {
    const world = await open();
    const shared = "shared@example.org";
    const send = { kind: "send" } as const;
    for (const userId of ["ada", "bob"]) {
      await world.addUser(userId, { username: userId, email: { address: shared, verification: send } });
    }
    const claimed = await world.store.claimDeliveries(10, world.nowMs, world.nowMs + 60_000);
    await world.settle(...claimed.map((mail) => ({ ...mail, outcome: { state: "sent" } }) as const));
    await bounce(world, claimed.find(({ userId }) => userId === "ada")?.deliveryId ?? "");
    world.nowMs += 1;
    await pruneDeliveries(world);
    const erase = async (userId: string) => {
      await world.run({ type: "user.delete", userId });
      await pruneEvents(world, world.nowMs + 1);
      await world.store.maintain({ kind: "eraseUsers", removedBeforeMs: world.nowMs, nowMs: world.nowMs });
    };
    await erase("ada");
    expect(await suppressed(world)).toEqual([shared]);
    await erase("bob");
    expect(await suppressed(world)).toEqual([]);
  });
}
