// Deliveries: every arrow from queued to an end, as far as the port lets see the states.
import { expect, test } from "@jest/globals";
import type { ClaimedDelivery, Settlement } from "../../../src/store/store.ts";
import { eventsOf, readLog, userEventTypes } from "../history-checker.ts";
import type { OpenedWorld, OpenWorld } from "../store-contract.ts";
import { ORGANIZATION, POLICY, times } from "../world.ts";

const LEASE_MS = 60_000;
const SENT = "user.human.email.code.sent";
const ENDS = ["failed", "cancelled", "expired"] as const;

export function deliveriesContract(open: OpenWorld): void {
  /** A world with as many mails queued, one user each, a millisecond apart. */
  async function openWithMails(count: number): Promise<OpenedWorld> {
    const world = await open();
    for (let index = 0; index < count; index++) {
      await world.addUser(`user-${index}`, {
        email: { address: `user-${index}@example.com`, verification: { kind: "send" } },
      });
      world.nowMs += 1;
    }
    return world;
  }

  test("queued -> sending: the claim hands out all that a mail needs", async () => {
    const world = await open();
    const template = "https://other.example/?c={{.Code}}";
    const email = {
      address: "ada@example.com",
      verification: { kind: "send", urlTemplate: template },
    } as const;
    await world.addUser("ada", { email });
    const user = await world.store.findUser("ada");
    const queuedAtMs = world.nowMs;
    world.nowMs += 10;
    const [delivery, ...more] = await claim(world);
    expect(more).toEqual([]);
    expect(delivery).toEqual({
      deliveryId: expect.any(String),
      kind: "code",
      codeId: user?.code?.codeId,
      userId: "ada",
      organizationId: ORGANIZATION,
      recipient: "ada@example.com",
      urlTemplate: template,
      sealedCode: expect.any(String),
      acceptLanguage: "",
      newAddress: "",
      expiresAtMs: queuedAtMs + POLICY.codeTtlMs,
      leaseId: expect.any(String),
      attempt: 1,
      queuedAtMs,
      cancelRequestedBy: null,
    });
    const { sealedCode, deliveryId } = delivery as ClaimedDelivery;
    expect(world.keyring.open(sealedCode, deliveryId)).toBe(world.codeOf("ada"));
  });

  test("nothing to claim is an empty list, no settlements are no stale ones", async () => {
    const world = await open();
    expect(await claim(world)).toEqual([]);
    expect(await world.settle()).toEqual({ stale: 0 });
    expect(await world.store.nextDeliveryDueMs()).toBeUndefined();
  });

  test("a claim takes no more than asked for, those due longest first", async () => {
    const world = await openWithMails(5);
    const first = await claim(world, 2);
    expect(users(first)).toEqual(["user-0", "user-1"]);
    const second = await claim(world, 10);
    expect(users(second)).toEqual(["user-2", "user-3", "user-4"]);
    expect(await claim(world)).toEqual([]);
  });

  test("concurrent claims never give one row to two", async () => {
    const world = await open();
    await Promise.all(
      times(100, (index) =>
        world.addUser(`user-${index}`, {
          email: { address: `user-${index}@example.com`, verification: { kind: "send" } },
        }),
      ),
    );
    const claims = (await Promise.all(times(8, () => claim(world, 15)))).flat();
    expect(claims).toHaveLength(100);
    expect(new Set(claims.map(({ deliveryId }) => deliveryId)).size).toBe(100);
    expect(claims.every(({ attempt }) => attempt === 1)).toBe(true);
    expect(await claim(world)).toEqual([]);
  });

  test("claims and new mails at once: every mail is claimed once", async () => {
    const world = await open();
    await world.addUser("ada");
    const [claims] = await Promise.all([
      Promise.all(times(30, () => claim(world, 2))),
      Promise.all(times(40, () => world.sendCode("ada"))),
    ]);
    const all = [...claims.flat(), ...(await claim(world, 100))];
    expect(all).toHaveLength(40);
    expect(new Set(all.map(({ deliveryId }) => deliveryId)).size).toBe(40);
  });

  test("sending -> sent: the user's history says so, with the code's id", async () => {
    const world = await openWithMails(1);
    const [delivery] = await claim(world);
    world.nowMs += 500;
    expect(await world.settle(sent(delivery))).toEqual({ stale: 0 });
    const event = (await eventsOf(world.store, { type: "user", id: "user-0" })).at(-1);
    expect(event).toMatchObject({
      sequence: 3,
      type: SENT,
      payload: { codeId: delivery?.codeId },
      createdAtMs: world.nowMs,
      editor: "system",
    });
    expect(await world.store.findUser("user-0")).toMatchObject({ sequence: 3 });
    await expectEnded(world);
  });

  test("sending -> retrying: due again at its time, with the same code and the next attempt", async () => {
    const world = await openWithMails(1);
    const [first] = await claim(world);
    const retryAtMs = world.nowMs + 30_000;
    expect(
      await world.settle(settlement(first, { state: "retrying", retryAtMs, problem: "451 later" })),
    ).toEqual({
      stale: 0,
    });
    expect(await world.store.nextDeliveryDueMs()).toBe(retryAtMs);
    world.nowMs = retryAtMs - 1;
    expect(await claim(world)).toEqual([]);
    world.nowMs = retryAtMs;
    const [second] = await claim(world);
    expect(second).toEqual({ ...first, attempt: 2, leaseId: expect.any(String) });
    expect(second?.leaseId).not.toBe(first?.leaseId);
    expect(await world.settle(sent(second))).toEqual({ stale: 0 });
    expect(await userEventTypes(world.store, "user-0")).toContain(SENT);
    await expectEnded(world);
  });

  test("sending -> failed, cancelled, expired: ends without an event", async () => {
    const world = await openWithMails(ENDS.length);
    const before = await readLog(world.store);
    for (const state of ENDS) {
      const [delivery] = await claim(world, 1);
      expect(await world.settle(settlement(delivery, { state, problem: "why" }))).toEqual({ stale: 0 });
    }
    expect(await readLog(world.store)).toEqual(before);
    await expectEnded(world);
  });

  test("retrying -> sending -> failed, cancelled, expired", async () => {
    const world = await openWithMails(ENDS.length);
    for (const delivery of await claim(world)) {
      await world.settle(settlement(delivery, { state: "retrying", retryAtMs: world.nowMs, problem: "451" }));
    }
    for (const state of ENDS) {
      const [delivery] = await claim(world, 1);
      expect(delivery).toMatchObject({ attempt: 2 });
      expect(await world.settle(settlement(delivery, { state, problem: "why" }))).toEqual({ stale: 0 });
    }
    await expectEnded(world);
  });

  test("sending -> sending: a row whose lease is over is taken over, the former holder is stale", async () => {
    const world = await openWithMails(1);
    const [first] = await claim(world);
    const leaseUntilMs = world.nowMs + LEASE_MS;
    expect(await world.store.nextDeliveryDueMs()).toBe(leaseUntilMs);
    world.nowMs = leaseUntilMs - 1;
    expect(await claim(world)).toEqual([]);
    world.nowMs = leaseUntilMs;
    const [second] = await claim(world);
    expect(second).toMatchObject({ deliveryId: first?.deliveryId, attempt: 2 });
    expect(second?.leaseId).not.toBe(first?.leaseId);

    const before = await readLog(world.store);
    for (const outcome of [
      { state: "sent" },
      { state: "retrying", retryAtMs: world.nowMs, problem: "451" },
      { state: "failed", problem: "550" },
    ] as const) {
      expect(await world.settle(settlement(first, outcome))).toEqual({ stale: 1 });
    }
    expect(await readLog(world.store)).toEqual(before);
    expect(await world.store.nextDeliveryDueMs()).toBe(world.nowMs + LEASE_MS);
    expect(await world.settle(sent(second))).toEqual({ stale: 0 });
    await expectEnded(world);
  });

  test("a settlement counts once: the second is stale, whatever it says", async () => {
    const world = await openWithMails(1);
    const [delivery] = await claim(world);
    await world.settle(sent(delivery));
    expect(
      await world.settle(sent(delivery), settlement(delivery, { state: "failed", problem: "550" })),
    ).toEqual({
      stale: 2,
    });
    expect((await userEventTypes(world.store, "user-0")).filter((type) => type === SENT)).toHaveLength(1);
  });

  test("the lease of an attempt that is retried later is over", async () => {
    const world = await openWithMails(1);
    const [delivery] = await claim(world);
    const retryAtMs = world.nowMs + 5_000;
    await world.settle(settlement(delivery, { state: "retrying", retryAtMs, problem: "451" }));
    expect(await world.settle(sent(delivery))).toEqual({ stale: 1 });
    expect(await world.store.nextDeliveryDueMs()).toBe(retryAtMs);
  });

  test("each row is fenced by its own lease: stale settlements never spoil the others", async () => {
    const world = await openWithMails(3);
    const [a, b, c] = await claim(world);
    await world.settle(sent(b));
    const unknown: Settlement = { deliveryId: "unknown", leaseId: "unknown", outcome: { state: "sent" } };
    expect(
      await world.settle(sent(a), sent(b), unknown, settlement(c, { state: "failed", problem: "550" })),
    ).toEqual({
      stale: 2,
    });
    const logged = (await readLog(world.store)).filter(({ type }) => type === SENT);
    expect(logged.map(({ aggregateId }) => aggregateId)).toEqual(["user-1", "user-0"]);
    await expectEnded(world);
  });

  test("the lease of one row settles no other row that was claimed with it", async () => {
    const world = await openWithMails(2);
    const [a, b] = await claim(world);
    expect(a?.leaseId).not.toBe(b?.leaseId);
    await world.settle(sent(a));
    world.nowMs += LEASE_MS;
    expect(users(await claim(world))).toEqual(["user-1"]);
  });

  test("a mail of a user that was deleted meanwhile ends without an event", async () => {
    const world = await openWithMails(1);
    const [delivery] = await claim(world);
    await world.run({ type: "user.delete", userId: "user-0" });
    expect(await world.settle(sent(delivery))).toEqual({ stale: 0 });
    expect(await userEventTypes(world.store, "user-0")).not.toContain(SENT);
    await expectEnded(world);
  });

  test("the mail of an older code is settled under that code's id", async () => {
    const world = await openWithMails(1);
    const [older] = await claim(world);
    await world.sendCode("user-0");
    await world.settle(sent(older));
    expect((await eventsOf(world.store, { type: "user", id: "user-0" })).at(-1)).toMatchObject({
      sequence: 4,
      type: SENT,
      payload: { codeId: older?.codeId },
    });
    await world.verify("user-0", world.codeOf("user-0"));
  });

  test("nextDeliveryDueMs is the earliest of all that is pending", async () => {
    const world = await openWithMails(2);
    const dueFirst = world.nowMs - 2;
    expect(await world.store.nextDeliveryDueMs()).toBe(dueFirst);
    const [a] = await claim(world, 1);
    expect(await world.store.nextDeliveryDueMs()).toBe(dueFirst + 1);
    const [b] = await claim(world, 1);
    expect(await world.store.nextDeliveryDueMs()).toBe(world.nowMs + LEASE_MS);
    await world.settle(settlement(b, { state: "retrying", retryAtMs: world.nowMs + 7, problem: "451" }));
    expect(await world.store.nextDeliveryDueMs()).toBe(world.nowMs + 7);
    await world.settle(sent(a));
    expect(await world.store.nextDeliveryDueMs()).toBe(world.nowMs + 7);
  });

  test("sending -> queued: what was released is due at once, as if it had not been claimed", async () => {
    const world = await openWithMails(1);
    const [first] = await claim(world);
    await world.settle(settlement(first, { state: "released" }));
    expect((await world.store.figures()).pendingDeliveries).toEqual({ queued: 1, sending: 0, retrying: 0 });
    await world.reopen();
    expect(await claim(world)).toEqual([{ ...first, attempt: 1, leaseId: expect.any(String) }]);
    expect(await world.settle(sent(first))).toEqual({ stale: 1 });
  });

  test("sending -> retrying: a release after a failed try keeps that try", async () => {
    const world = await openWithMails(1);
    const [first] = await claim(world);
    await world.settle(settlement(first, { state: "retrying", retryAtMs: world.nowMs, problem: "451" }));
    const [second] = await claim(world);
    await world.settle(settlement(second, { state: "released" }));
    expect((await world.store.figures()).pendingDeliveries).toEqual({ queued: 0, sending: 0, retrying: 1 });
    expect(await claim(world)).toMatchObject([{ attempt: 2 }]);
  });

  test("figures count what is pending, by state", async () => {
    const world = await openWithMails(6);
    const pending = async () => (await world.store.figures()).pendingDeliveries;
    expect(await pending()).toEqual({ queued: 6, sending: 0, retrying: 0 });
    const [a, b, c, d] = await claim(world, 4);
    expect(await pending()).toEqual({ queued: 2, sending: 4, retrying: 0 });
    await world.settle(
      sent(a),
      settlement(b, { state: "retrying", retryAtMs: world.nowMs + 1, problem: "451" }),
      settlement(c, { state: "failed", problem: "550" }),
    );
    expect(await pending()).toEqual({ queued: 2, sending: 1, retrying: 1 });
    await world.settle(settlement(d, { state: "expired", problem: "expired" }));
    expect(await world.store.figures()).toEqual({
      waitingWrites: 0,
      pendingDeliveries: { queued: 2, sending: 0, retrying: 1 },
    });
  });

  test("retries outlive the process", async () => {
    const world = await openWithMails(1);
    const [delivery] = await claim(world);
    const retryAtMs = world.nowMs + 10;
    await world.settle(settlement(delivery, { state: "retrying", retryAtMs, problem: "451" }));
    await world.reopen();
    expect(await claim(world)).toEqual([]);
    expect(await world.store.nextDeliveryDueMs()).toBe(retryAtMs);
    world.nowMs = retryAtMs;
    expect(await claim(world)).toMatchObject([{ deliveryId: delivery?.deliveryId, attempt: 2 }]);
  });
}

function claim(world: OpenedWorld, count = 100): Promise<ClaimedDelivery[]> {
  return world.store.claimDeliveries(count, world.nowMs, world.nowMs + LEASE_MS);
}

function settlement(delivery: ClaimedDelivery | undefined, outcome: Settlement["outcome"]): Settlement {
  if (delivery === undefined) throw new Error("nothing was claimed");
  return { deliveryId: delivery.deliveryId, leaseId: delivery.leaseId, outcome };
}

function sent(delivery: ClaimedDelivery | undefined): Settlement {
  return settlement(delivery, { state: "sent" });
}

function users(deliveries: readonly ClaimedDelivery[]): string[] {
  return deliveries.map(({ userId }) => userId).toSorted();
}

/** Nothing is pending, however long one waits. */
async function expectEnded(world: OpenedWorld): Promise<void> {
  expect(await world.store.nextDeliveryDueMs()).toBeUndefined();
  world.nowMs += 365 * 24 * 3_600_000;
  expect(await claim(world)).toEqual([]);
}
