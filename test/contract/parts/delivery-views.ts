// Deliveries as people look at them and change them: timelines, lists, retries, cancels, test mails, bounces, suppressions.
import { expect, test } from "@jest/globals";
import {
  TIMELINE_MAX_ENTRIES,
  type Bounce,
  type DeliveryAttempt,
  type DeliveryChange,
  type DeliveryHistory,
  type DeliveryQuery,
  type DeliveryRecord,
  type DeliveryState,
} from "../../../src/store/deliveries.ts";
import type { ClaimedDelivery, Commit, Settlement } from "../../../src/store/store.ts";
import type { OpenedWorld, OpenWorld } from "../store-contract.ts";
import { ORGANIZATION, outcomes, POLICY, refusal, same, times } from "../world.ts";

const LEASE_MS = 60_000;
const RELAY = "mx.example.net:25";
const GREYLISTED: DeliveryAttempt = {
  startedAtMs: 1,
  messageId: "<one@countersign.example>",
  tries: [
    { relay: RELAY, outcome: "transient", replyCode: 451, enhancedCode: "4.7.1", text: "451 4.7.1 later" },
  ],
};
const ACCEPTED: DeliveryAttempt = {
  startedAtMs: 2,
  messageId: "<one@countersign.example>",
  tries: [{ relay: RELAY, outcome: "accepted", replyCode: 250, text: "250 queued as 4F2A" }],
};
const BOUNCE: Bounce = {
  type: "permanent",
  suppresses: true,
  enhancedCode: "5.1.1",
  diagnostic: "550 no such user",
  reportingServer: "mx.example.net",
};

export function deliveryViewsContract(open: OpenWorld): void {
  async function openWithMail(userId = "ada"): Promise<{ world: OpenedWorld; deliveryId: string }> {
    const world = await open();
    return { world, deliveryId: await mailTo(world, userId) };
  }

  test("a delivery that nobody took yet", async () => {
    const { world, deliveryId } = await openWithMail();
    const user = await world.store.findUser("ada");
    expect(await world.store.findDelivery(deliveryId)).toEqual({
      delivery: {
        deliveryId,
        kind: "code",
        state: "queued",
        userId: "ada",
        organizationId: ORGANIZATION,
        recipient: "ada@example.com",
        codeId: user?.code?.codeId,
        messageId: null,
        queuedAtMs: world.nowMs,
        expiresAtMs: world.nowMs + POLICY.codeTtlMs,
        dueAtMs: world.nowMs,
        endedAtMs: null,
        attempts: 0,
        problem: null,
        cancelRequestedBy: null,
      },
      timeline: [],
    });
    expect(await world.store.findDelivery("unknown")).toBeUndefined();
  });

  test("the timeline keeps every attempt with each relay's word", async () => {
    const { world, deliveryId } = await openWithMail();
    const firstMs = (world.nowMs += 10);
    const retryAtMs = firstMs + 60_000;
    await settle(world, { state: "retrying", retryAtMs, problem: "451 4.7.1 later" }, GREYLISTED);
    expect((await find(world, deliveryId)).delivery).toMatchObject({
      state: "retrying",
      dueAtMs: retryAtMs,
      attempts: 1,
      messageId: GREYLISTED.messageId,
      problem: "451 4.7.1 later",
    });
    world.nowMs = retryAtMs;
    await settle(world, { state: "sent" }, ACCEPTED);
    const { delivery, timeline } = await find(world, deliveryId);
    expect(delivery).toMatchObject({
      state: "sent",
      dueAtMs: null,
      endedAtMs: retryAtMs,
      attempts: 2,
      problem: null,
    });
    expect(timeline).toEqual([
      {
        atMs: firstMs,
        event: {
          kind: "attempt",
          number: 1,
          startedAtMs: 1,
          state: "retrying",
          problem: "451 4.7.1 later",
          retryAtMs,
          tries: GREYLISTED.tries,
        },
      },
      {
        atMs: retryAtMs,
        event: { kind: "attempt", number: 2, startedAtMs: 2, state: "sent", tries: ACCEPTED.tries },
      },
    ]);
  });

  test("an end without an attempt says why; a release leaves no trace", async () => {
    const { world, deliveryId } = await openWithMail();
    await settle(world, { state: "released" }, GREYLISTED);
    expect((await find(world, deliveryId)).timeline).toEqual([]);
    await settle(world, { state: "cancelled", problem: "superseded: there is a newer code" });
    expect((await find(world, deliveryId)).timeline).toEqual([
      {
        atMs: world.nowMs,
        event: { kind: "ended", state: "cancelled", problem: "superseded: there is a newer code" },
      },
    ]);
  });

  test("a timeline keeps its newest entries", async () => {
    const { world, deliveryId } = await openWithMail();
    for (let count = 0; count < TIMELINE_MAX_ENTRIES + 5; count++) {
      await settle(world, { state: "retrying", retryAtMs: world.nowMs, problem: "451" }, GREYLISTED);
    }
    const { timeline } = await find(world, deliveryId);
    const numbers = timeline.map(({ event }) => (event.kind === "attempt" ? event.number : 0));
    expect(numbers).toEqual(times(TIMELINE_MAX_ENTRIES, (index) => index + 6));
  });

  // --- lists --------------------------------------------------------------------------------------------------------

  test("pages follow each other, newest first, whatever is queued between them", async () => {
    const world = await open();
    const ids: string[] = [];
    for (let count = 0; count < 7; count++) {
      ids.unshift(await mailTo(world, `user-${count}`));
      // Some share their millisecond.
      world.nowMs += count % 2;
    }
    const pages: string[][] = [];
    let after: DeliveryQuery["after"];
    do {
      const page = await list(world, { limit: 3, ...(after !== undefined && { after }) });
      pages.push(page.deliveries.map(({ deliveryId }) => deliveryId));
      after = page.next;
      await mailTo(world, `later-${pages.length}`);
    } while (after !== undefined);
    expect(pages).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
  });

  test("a list that fills its last page says that it is the last", async () => {
    const world = await open();
    for (const user of ["a", "b"]) await mailTo(world, user);
    expect((await list(world, { limit: 2 })).next).toBeUndefined();
    expect((await list(world, { limit: 1 })).next).toBeDefined();
  });

  test("filters by user, recipient, organization and time", async () => {
    const world = await open();
    await world.addOrganization("org-2");
    const ada = await mailTo(world, "ada", { address: "Ada@Example.com" });
    world.nowMs += 10;
    const bob = await mailTo(world, "bob");
    world.nowMs += 10;
    const eve = await mailTo(world, "eve", { organizationId: "org-2" });
    const ids = async (query: Partial<DeliveryQuery>) =>
      (await list(world, query)).deliveries.map(({ deliveryId }) => deliveryId);
    expect(await ids({})).toEqual([eve, bob, ada]);
    expect(await ids({ userId: "bob" })).toEqual([bob]);
    expect(await ids({ recipient: "Ada@eXAMPLE.com" })).toEqual([ada]);
    expect(await ids({ recipient: "ada@example.com" })).toEqual([]);
    expect(await ids({ userId: "ada", recipient: "bob@example.com" })).toEqual([]);
    expect(await ids({ organizationIds: [ORGANIZATION] })).toEqual([bob, ada]);
    expect(await ids({ organizationIds: [] })).toEqual([]);
    const { nowMs } = world;
    expect(await ids({ queuedFromMs: nowMs - 10 })).toEqual([eve, bob]);
    expect(await ids({ queuedBeforeMs: nowMs - 10 })).toEqual([ada]);
    expect(await ids({ queuedFromMs: nowMs - 10, queuedBeforeMs: nowMs })).toEqual([bob]);
  });

  test("filters by state, whatever index that takes", async () => {
    const world = await open();
    const ends: readonly Settlement["outcome"][] = [
      { state: "sent" },
      { state: "failed", problem: "550" },
      { state: "cancelled", problem: "why" },
      { state: "expired", problem: "why" },
      { state: "retrying", retryAtMs: world.nowMs + 9_999, problem: "451" },
    ];
    for (const outcome of ends) {
      await mailTo(world, outcome.state);
      await settle(world, outcome);
    }
    const { deliveryId } = (await list(world, { states: ["sent"] })).deliveries[0] as DeliveryRecord;
    await change(world, { kind: "bounce", deliveryId, bounce: BOUNCE, by: "op" });
    await mailTo(world, "sending");
    await claim(world);
    world.nowMs += 1;
    await mailTo(world, "queued");
    const states = async (...asked: DeliveryState[]) =>
      (await list(world, { states: asked })).deliveries.map(({ state }) => state);
    const all = ["queued", "sending", "retrying", "expired", "cancelled", "failed", "bounced"] as const;
    for (const state of all) expect(await states(state)).toEqual([state]);
    expect(await states("sent")).toEqual([]);
    expect(await states("queued", "sending", "retrying")).toEqual(["queued", "sending", "retrying"]);
    expect(await states("bounced", "expired", "failed")).toEqual(["expired", "failed", "bounced"]);
    expect(await states("sent", "queued", "failed")).toEqual(["queued", "failed"]);
    expect(await states(...all)).toEqual(all);
  });

  test("a list ends at its deadline", async () => {
    const { world } = await openWithMail();
    expect(await refusal(list(world, { timeoutMs: 0 }))).toMatchObject({ name: "QUERY_TIMED_OUT" });
    expect((await list(world, {})).deliveries).toHaveLength(1);
  });

  // --- changes ------------------------------------------------------------------------------------------------------

  test("a retry makes due what waits, and tells the dispatcher", async () => {
    const { world, deliveryId } = await openWithMail();
    await settle(world, { state: "retrying", retryAtMs: world.nowMs + 60_000, problem: "451" });
    const commits = listen(world);
    await change(world, { kind: "retry", deliveryId, by: "op" });
    expect(commits).toMatchObject([{ queuedMail: true }]);
    const { delivery, timeline } = await find(world, deliveryId);
    expect(delivery).toMatchObject({ state: "retrying", dueAtMs: world.nowMs });
    expect(timeline.at(-1)?.event).toEqual({ kind: "retryRequested", by: "op" });
    expect(await claim(world)).toMatchObject([{ deliveryId, attempt: 2 }]);
    // It is being tried now: there is nothing to do.
    await change(world, { kind: "retry", deliveryId, by: "op" });
    expect((await find(world, deliveryId)).timeline).toHaveLength(1);
  });

  test("no retry revives a mail whose code is dead, and the refusal says why", async () => {
    const { world, deliveryId } = await openWithMail();
    await world.sendCode("ada");
    expect(await refusal(change(world, { kind: "retry", deliveryId, by: "op" }))).toMatchObject({
      name: "DELIVERY_STALE",
      text: expect.stringContaining("there is a newer code"),
    });
    expect((await find(world, deliveryId)).delivery.state).toBe("queued");
  });

  test.each(["sent", "failed", "expired"] as const)(
    "what is %s is neither retried nor cancelled",
    async (state) => {
      const { world, deliveryId } = await openWithMail();
      await settle(world, state === "sent" ? { state } : { state, problem: "550 no" });
      for (const kind of ["retry", "cancel"] as const) {
        expect(await refusal(change(world, { kind, deliveryId, by: "op" }))).toMatchObject({
          name: "DELIVERY_ENDED",
          metadata: { state },
        });
      }
    },
  );

  test.each(["retry", "cancel"] as const)("no %s of what is not there", async (kind) => {
    const world = await open();
    expect(await refusal(change(world, { kind, deliveryId: "unknown", by: "op" }))).toMatchObject({
      name: "DELIVERY_NOT_FOUND",
    });
  });

  test("cancelling what waits ends it at once, and its code is erased", async () => {
    const { world, deliveryId } = await openWithMail();
    await change(world, { kind: "cancel", deliveryId, by: "op" });
    const { delivery, timeline } = await find(world, deliveryId);
    expect(delivery).toMatchObject({
      state: "cancelled",
      problem: "cancelled by op",
      endedAtMs: world.nowMs,
      dueAtMs: null,
    });
    expect(timeline).toMatchObject([{ event: { kind: "ended", state: "cancelled" } }]);
    expect(await claim(world)).toEqual([]);
    await change(world, { kind: "cancel", deliveryId, by: "other" });
    expect(await find(world, deliveryId)).toEqual({ delivery, timeline });
  });

  test.each<[string, Settlement["outcome"], DeliveryState]>([
    ["a retry", { state: "retrying", retryAtMs: 0, problem: "451" }, "cancelled"],
    ["a release", { state: "released" }, "cancelled"],
    ["a mail that was taken", { state: "sent" }, "sent"],
    ["a refusal", { state: "failed", problem: "550" }, "failed"],
  ])("cancelling what is being sent is told to the dispatcher; after %s", async (_what, outcome, end) => {
    const { world, deliveryId } = await openWithMail();
    const [claimed] = await claim(world);
    const commits = listen(world);
    await change(world, { kind: "cancel", deliveryId, by: "op" });
    expect(commits).toMatchObject([{ cancelRequests: [{ deliveryId, by: "op" }] }]);
    expect((await find(world, deliveryId)).delivery).toMatchObject({
      state: "sending",
      cancelRequestedBy: "op",
    });
    await settleClaimed(world, claimed, outcome, GREYLISTED);
    expect((await find(world, deliveryId)).delivery).toMatchObject({ state: end, dueAtMs: null });
    expect(await claim(world)).toEqual([]);
  });

  test("a cancelled mail whose sender died is claimed as cancelled", async () => {
    const { world, deliveryId } = await openWithMail();
    await claim(world);
    await change(world, { kind: "cancel", deliveryId, by: "op" });
    await world.reopen();
    expect(await claim(world)).toMatchObject([{ deliveryId, cancelRequestedBy: "op" }]);
  });

  test("a test mail is an outbox row like others, without user and code", async () => {
    const world = await open();
    const commits = listen(world);
    await change(world, testMail("t1", "operator@example.com"));
    expect(commits).toMatchObject([{ queuedMail: true }]);
    const [claimed] = await claim(world);
    expect(claimed).toMatchObject({ deliveryId: "t1", kind: "test", userId: "", codeId: "", sealedCode: "" });
    await settleClaimed(world, claimed, { state: "sent" }, ACCEPTED);
    expect((await find(world, "t1")).delivery).toMatchObject({ kind: "test", state: "sent" });
    expect((await list(world, { recipient: "operator@example.com" })).deliveries).toHaveLength(1);
  });

  test("test mails of an organization are counted, also across a reopen; those of others apart", async () => {
    const world = await open();
    await world.addOrganization("org-2");
    const send = (index: number, extra: { organizationId?: string } = {}) =>
      change(world, { ...testMail(`t${index}`, `operator-${index}@example.com`), maxPerHour: 3, ...extra });
    const { answers, refusals, errors } = await outcomes(times(8, (index) => send(index)));
    expect([answers.length, refusals, errors]).toEqual([3, same(5, "TEST_MAILS_EXHAUSTED"), []]);
    await send(10, { organizationId: "org-2" });
    world.nowMs += 60_000;
    await world.reopen();
    expect(await refusal(send(11))).toMatchObject({
      name: "TEST_MAILS_EXHAUSTED",
      retryAfterMs: 3_600_000 - 60_000,
    });
    world.nowMs += 3_600_000 - 60_000;
    await send(12);
    expect((await list(world, {})).deliveries).toHaveLength(5);
  });

  // --- bounces ------------------------------------------------------------------------------------------------------

  test("a permanent bounce marks the mail and suppresses the address", async () => {
    const { world, deliveryId } = await openWithMail();
    await settle(world, { state: "sent" }, ACCEPTED);
    world.nowMs += 5_000;
    const bounced: DeliveryChange = { kind: "bounce", deliveryId, bounce: BOUNCE, by: "op" };
    await change(world, bounced);
    const { delivery, timeline } = await find(world, deliveryId);
    expect(delivery).toMatchObject({ state: "bounced", problem: "came back: 5.1.1 550 no such user" });
    expect(timeline.at(-1)).toEqual({
      atMs: world.nowMs,
      event: { kind: "bounce", ...BOUNCE, by: "op" },
    });
    const suppression = {
      organizationId: ORGANIZATION,
      address: "ada@example.com",
      type: "permanent",
      enhancedCode: "5.1.1",
      diagnostic: "550 no such user",
      deliveryId,
      createdAtMs: world.nowMs,
    };
    expect(await world.store.findSuppression(ORGANIZATION, "ada@EXAMPLE.com")).toEqual(suppression);
    expect(await world.store.findSuppression(ORGANIZATION, "Ada@example.com")).toBeUndefined();
    expect(await world.store.findSuppression("org-2", "ada@example.com")).toBeUndefined();

    // Said again, by somebody who heard of it elsewhere, after the address was let through again.
    await change(world, { kind: "unsuppress", organizationId: ORGANIZATION, address: "ada@example.COM" });
    await change(world, bounced);
    expect(await find(world, deliveryId)).toEqual({ delivery, timeline });
    expect(await world.store.findSuppression(ORGANIZATION, "ada@example.com")).toBeUndefined();
  });

  test.each<[Bounce["type"], boolean, DeliveryState, boolean]>([
    ["transient", false, "bounced", false],
    ["delayed", false, "sent", false],
    ["complaint", true, "sent", true],
  ])("a bounce of type %s", async (type, suppresses, state, isSuppressed) => {
    const { world, deliveryId } = await openWithMail();
    await settle(world, { state: "sent" }, ACCEPTED);
    await change(world, { kind: "bounce", deliveryId, bounce: { ...BOUNCE, type, suppresses }, by: "op" });
    expect((await find(world, deliveryId)).delivery.state).toBe(state);
    const found = await world.store.findSuppression(ORGANIZATION, "ada@example.com");
    expect(found !== undefined).toBe(isSuppressed);
  });

  test("a suppressed address is refused mail, in its organization alone, until it is let through", async () => {
    const { world, deliveryId } = await openWithMail();
    await world.addOrganization("org-2");
    await settle(world, { state: "sent" }, ACCEPTED);
    await change(world, { kind: "bounce", deliveryId, bounce: BOUNCE, by: "op" });
    const send = { kind: "send" } as const;
    const email = { address: "ada@EXAMPLE.COM", verification: send };
    await world.addUser("bob");
    const calls = [
      () => world.sendCode("ada"),
      () => world.withNewCode({ type: "email.resendCode", userId: "ada", verification: send }),
      () => world.setEmail("bob", email.address),
      () => world.addUser("eve", { email, username: "eve" }),
      () => world.withNewCode({ type: "user.update", userId: "bob", email }),
      () => change(world, testMail("t1", email.address)),
    ];
    for (const call of calls) expect(await refusal(call())).toMatchObject({ name: "ADDRESS_SUPPRESSED" });

    await world.sendCode("ada", { kind: "return" });
    await change(world, { ...testMail("t2", email.address), allowsSuppressed: true });
    await world.addUser("zoe", { email, organizationId: "org-2", username: "zoe" });
    await change(world, { kind: "unsuppress", organizationId: ORGANIZATION, address: email.address });
    for (const call of calls) await call();
  });

  test("suppressions are listed newest first, by organization and address, in pages", async () => {
    const world = await open();
    for (const user of ["a", "b", "c"]) {
      const deliveryId = await mailTo(world, user);
      await settle(world, { state: "sent" }, ACCEPTED);
      await change(world, { kind: "bounce", deliveryId, bounce: BOUNCE, by: "op" });
    }
    const asked = (query: object) => world.store.listSuppressions({ limit: 10, timeoutMs: 10_000, ...query });
    const addresses = async (query: object) =>
      (await asked(query)).suppressions.map(({ address }) => address);
    expect(await addresses({})).toEqual(["c@example.com", "b@example.com", "a@example.com"]);
    expect(await addresses({ address: "b@Example.Com" })).toEqual(["b@example.com"]);
    expect(await addresses({ organizationIds: ["org-2"] })).toEqual([]);
    const first = await asked({ limit: 2 });
    expect(first.suppressions).toHaveLength(2);
    expect(await asked({ limit: 2, after: first.next })).toMatchObject({
      suppressions: [{ address: "a@example.com" }],
      next: undefined,
    });
    expect(
      await refusal(change(world, { kind: "unsuppress", organizationId: "org-2", address: "a@example.com" })),
    ).toMatchObject({ name: "SUPPRESSION_NOT_FOUND" });
  });
}

/** @returns the id of the mail to the new user */
async function mailTo(
  world: OpenedWorld,
  userId: string,
  { address = `${userId}@example.com`, organizationId = ORGANIZATION } = {},
): Promise<string> {
  const email = { address, verification: { kind: "send" } } as const;
  await world.addUser(userId, { email, organizationId });
  const [newest] = (await list(world, { userId, limit: 1 })).deliveries;
  if (newest === undefined) throw new Error(`no mail to ${userId}`);
  return newest.deliveryId;
}

function testMail(deliveryId: string, recipient: string): Extract<DeliveryChange, { kind: "test" }> {
  return {
    kind: "test",
    deliveryId,
    organizationId: ORGANIZATION,
    recipient,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    allowsSuppressed: false,
    maxPerHour: 0,
  };
}

function claim(world: OpenedWorld): Promise<ClaimedDelivery[]> {
  return world.store.claimDeliveries(100, world.nowMs, world.nowMs + LEASE_MS);
}

/** Claims the one mail that is due, and settles it. */
async function settle(
  world: OpenedWorld,
  outcome: Settlement["outcome"],
  tried?: DeliveryAttempt,
): Promise<void> {
  const [claimed, ...more] = await claim(world);
  expect(more).toEqual([]);
  await settleClaimed(world, claimed, outcome, tried);
}

async function settleClaimed(
  world: OpenedWorld,
  claimed: ClaimedDelivery | undefined,
  outcome: Settlement["outcome"],
  tried?: DeliveryAttempt,
): Promise<void> {
  if (claimed === undefined) throw new Error("nothing was claimed");
  const { deliveryId, leaseId } = claimed;
  const settlement = { deliveryId, leaseId, outcome, ...(tried !== undefined && { tried }) };
  expect(await world.settle(settlement)).toEqual({ stale: 0 });
}

async function find(world: OpenedWorld, deliveryId: string): Promise<DeliveryHistory> {
  const found = await world.store.findDelivery(deliveryId);
  if (found === undefined) throw new Error(`no delivery ${deliveryId}`);
  return found;
}

function list(world: OpenedWorld, query: Partial<DeliveryQuery>) {
  return world.store.listDeliveries({ limit: 100, timeoutMs: 10_000, ...query });
}

function change(world: OpenedWorld, what: DeliveryChange): Promise<void> {
  return world.store.changeDelivery(what, world.nowMs);
}

/** Commits from now on. */
function listen(world: OpenedWorld): Commit[] {
  const commits: Commit[] = [];
  world.store.committed((commit) => commits.push(commit));
  return commits;
}
