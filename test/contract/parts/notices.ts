// Notices to old addresses: written with the change or not at all, and deliveries like others from there on.
import { expect, test } from "@jest/globals";
import { NOTICE_LIFE_MS } from "../../../src/verification/user/address-notice.ts";
import { userEventTypes } from "../history-checker.ts";
import type { OpenedWorld, OpenWorld } from "../store-contract.ts";
import { ORGANIZATION } from "../world.ts";

const LEASE_MS = 60_000;

export function noticesContract(open: OpenWorld): void {
  /** A user with a verified address, where notices are on. */
  async function openWithAda(): Promise<OpenedWorld> {
    const world = await open({ addressChangeNotice: true });
    await world.addUser("ada", { email: { address: "ada@example.com", verification: { kind: "verified" } } });
    return world;
  }

  const claim = (world: OpenedWorld) => world.store.claimDeliveries(10, world.nowMs, world.nowMs + LEASE_MS);

  test("a change queues one with all that it says, and announces it", async () => {
    const world = await openWithAda();
    const commits: boolean[] = [];
    world.store.committed(({ queuedMail }) => commits.push(queuedMail));
    world.acceptLanguage = "de-AT,de;q=0.9";
    const queuedAtMs = world.nowMs;
    await world.setEmail("ada", "eve@evil.example", { kind: "none" });
    expect(commits).toEqual([true]);
    world.nowMs += 10;
    const [notice, ...more] = await claim(world);
    expect(more).toEqual([]);
    expect(notice).toEqual({
      deliveryId: expect.stringMatching(/^.{8,}$/),
      kind: "notice",
      codeId: "",
      userId: "ada",
      organizationId: ORGANIZATION,
      recipient: "ada@example.com",
      urlTemplate: "",
      sealedCode: "",
      acceptLanguage: "de-AT,de;q=0.9",
      newAddress: "e***@evil.example",
      expiresAtMs: queuedAtMs + NOTICE_LIFE_MS,
      leaseId: expect.any(String),
      attempt: 1,
      queuedAtMs,
      cancelRequestedBy: null,
    });
  });

  test("it is sent beside the code for the new address, and is no event of its user", async () => {
    const world = await openWithAda();
    await world.setEmail("ada", "ada@new.example");
    const claimed = await claim(world);
    expect(claimed.map(({ kind, recipient }) => [kind, recipient]).toSorted()).toEqual([
      ["code", "ada@new.example"],
      ["notice", "ada@example.com"],
    ]);
    const notice = claimed.find(({ kind }) => kind === "notice");
    if (notice === undefined) throw new Error("no notice");
    const { deliveryId, leaseId } = notice;
    await world.store.settleDeliveries([{ deliveryId, leaseId, outcome: { state: "sent" } }], world.plain());
    expect((await world.store.findDelivery(deliveryId))?.delivery).toMatchObject({
      kind: "notice",
      state: "sent",
      userId: "ada",
      recipient: "ada@example.com",
    });
    expect(await userEventTypes(world.store, "ada")).not.toContain("user.human.email.code.sent");
  });

  test("a change that is refused queues none, and its neighbours in the commit keep theirs", async () => {
    const world = await openWithAda();
    await world.addUser("bob", { email: { address: "bob@example.com", verification: { kind: "verified" } } });
    const outcomes = await Promise.allSettled([
      world.setEmail("ada", "no address", { kind: "none" }),
      world.setEmail("bob", "bob@new.example", { kind: "none" }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await claim(world)).toMatchObject([{ kind: "notice", recipient: "bob@example.com" }]);
  });

  test("an old address that takes no mail gets none", async () => {
    const world = await openWithAda();
    const deliveryId = "test-mail";
    await world.store.changeDelivery(
      {
        kind: "test",
        deliveryId,
        organizationId: ORGANIZATION,
        recipient: "ada@example.com",
        expiresAtMs: world.nowMs + 1_000,
        allowsSuppressed: false,
        maxPerHour: 0,
      },
      world.nowMs,
    );
    const bounce = {
      type: "permanent",
      suppresses: true,
      enhancedCode: "5.1.1",
      diagnostic: "",
      reportingServer: "",
    } as const;
    await world.store.changeDelivery({ kind: "bounce", deliveryId, bounce, by: "op" }, world.nowMs);
    await world.setEmail("ada", "ada@new.example", { kind: "none" });
    expect(await claim(world)).toMatchObject([{ kind: "test" }]);
  });

  test("retry and cancel work on it, whatever became of the user; its time ends it", async () => {
    const world = await openWithAda();
    await world.setEmail("ada", "ada@new.example", { kind: "none" });
    await world.run({ type: "user.delete", userId: "ada" });
    const { deliveries } = await world.store.listDeliveries({ userId: "ada", limit: 10, timeoutMs: 10_000 });
    expect(deliveries).toMatchObject([{ kind: "notice", state: "queued" }]);
    const deliveryId = deliveries[0]?.deliveryId ?? "";
    await world.store.changeDelivery({ kind: "retry", deliveryId, by: "op" }, world.nowMs);
    world.nowMs += NOTICE_LIFE_MS + 1;
    await expect(
      world.store.changeDelivery({ kind: "retry", deliveryId, by: "op" }, world.nowMs),
    ).rejects.toMatchObject({ failure: { name: "DELIVERY_STALE" } });
    await world.store.changeDelivery({ kind: "cancel", deliveryId, by: "op" }, world.nowMs);
    await expect(
      world.store.changeDelivery({ kind: "retry", deliveryId, by: "op" }, world.nowMs),
    ).rejects.toMatchObject({
      failure: { name: "DELIVERY_ENDED", text: "The mail came to its end as cancelled (cancelled by op)" },
    });
  });

  test("a key that no code needs is not kept for a notice", async () => {
    const world = await openWithAda();
    await world.setEmail("ada", "ada@new.example", { kind: "none" });
    expect(await world.store.keyUses()).toEqual([]);
  });
}
