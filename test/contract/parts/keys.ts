// Which keys the data depends on, and until when.
import { expect, test } from "@jest/globals";
import { Keyring } from "../../../src/store/keyring.ts";
import type { KeyUse, Store } from "../../../src/store/store.ts";
import type { OpenedWorld, OpenWorld } from "../store-contract.ts";
import { POLICY, times, World } from "../world.ts";

const TTL_MS = POLICY.codeTtlMs;

export function keysContract(open: OpenWorld): void {
  test("data without codes depends on no key", async () => {
    const world = await open();
    await world.addUser("ada");
    expect(await world.store.keyUses()).toEqual([]);
  });

  test("a live code needs its key until it expires", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada", { kind: "return" });
    expect(await uses(world.store)).toEqual({ [idOf(world)]: code(world.nowMs + TTL_MS) });
  });

  test("an expired code stays in the data: its end is told, though it is past", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada", { kind: "return" });
    const untilMs = world.nowMs + TTL_MS;
    world.nowMs += 10 * TTL_MS;
    await world.addUser("eve");
    expect(await uses(world.store)).toEqual({ [idOf(world)]: code(untilMs) });
  });

  test("a spent code counts until it would have expired: its repetition is answered until then", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada", { kind: "return" });
    const untilMs = world.nowMs + TTL_MS;
    world.nowMs += 1_000;
    await world.verify("ada", world.codeOf("ada"));
    expect(await uses(world.store)).toEqual({ [idOf(world)]: code(untilMs) });
  });

  test("codes of several users may be under several keys", async () => {
    const world = await open();
    const later = beside(world, 9);
    await world.addUser("ada");
    await world.sendCode("ada", { kind: "return" });
    await world.verify("ada", world.codeOf("ada"));
    await later.addUser("eve");
    later.nowMs += 1;
    await later.sendCode("eve", { kind: "return" });
    expect(await uses(world.store)).toEqual({
      [idOf(world)]: code(world.nowMs + TTL_MS),
      [idOf(later)]: code(later.nowMs + TTL_MS),
    });
  });

  test("a code that the user's history remembers needs its key, whatever took its place", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada", { kind: "return" });
    const untilMs = world.nowMs + TTL_MS;
    const later = beside(world, 9);
    later.nowMs += 1_000;
    await later.sendCode("ada", { kind: "return" });
    const olderCodes = (await world.store.findUser("ada"))?.olderCodes ?? [];
    expect(olderCodes).toMatchObject([{ expiresAtMs: untilMs }]);
    expect(await uses(world.store)).toEqual({
      [idOf(world)]: code(untilMs),
      [idOf(later)]: code(later.nowMs + TTL_MS),
    });
  });

  test("a deleted user frees the key", async () => {
    const world = await open();
    await world.addUser("eve");
    await world.sendCode("eve", { kind: "return" });
    await world.run({ type: "user.delete", userId: "eve" });
    expect(await uses(world.store)).toEqual({});
  });

  test("a queued mail needs the key that sealed it, whatever became of its user, until it has ended", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada");
    const untilMs = world.nowMs + TTL_MS;
    await world.run({ type: "user.delete", userId: "ada" });
    const queued = { [idOf(world)]: code(untilMs) };
    expect(await uses(world.store)).toEqual(queued);
    const [delivery] = await world.store.claimDeliveries(1, world.nowMs, world.nowMs + 60_000);
    expect(await uses(world.store)).toEqual(queued);
    const { deliveryId = "", leaseId = "" } = delivery ?? {};
    const retrying = { state: "retrying", retryAtMs: world.nowMs, problem: "451" } as const;
    await world.settle({ deliveryId, leaseId, outcome: retrying });
    expect(await uses(world.store)).toEqual(queued);
    const [again] = await world.store.claimDeliveries(1, world.nowMs, world.nowMs + 60_000);
    const cancelled = { state: "cancelled", problem: "deleted" } as const;
    await world.settle({ deliveryId, leaseId: again?.leaseId ?? "", outcome: cancelled });
    expect(await uses(world.store)).toEqual({});
  });

  test("the latest end of a key counts, in thousands of users too, whatever their ids", async () => {
    const world = await open();
    const keys = [world, beside(world, 9), beside(world, 10)];
    // Ids beyond ASCII: the order of a database's texts need not be that of JavaScript's.
    const prefixes = ["a", "ö", "\u{FFFD}", "\u{1F600}"];
    const ends = new Map<string, number>();
    await Promise.all(
      times(2_500, async (index) => {
        const key = keys[index % keys.length] ?? world;
        const userId = `${prefixes[index % prefixes.length]}${index}`;
        await key.addUser(userId, {
          email: { address: `user-${index}@example.com`, verification: { kind: "return" } },
        });
        const { expiresAtMs = 0 } = (await world.store.findUser(userId))?.code ?? {};
        ends.set(idOf(key), Math.max(ends.get(idOf(key)) ?? 0, expiresAtMs));
        for (const each of keys) each.nowMs += (index * 7) % 13;
      }),
    );
    const seen: number[] = [];
    const found = await world.store.keyUses((users) => seen.push(users));
    expect(byKey(found)).toEqual(Object.fromEntries([...ends].map(([id, ms]) => [id, code(ms)])));
    expect(seen.at(-1)).toBe(2_500);
  });

  test("mails of the inbox count by key, and one that is sealed anew counts under its new key", async () => {
    const world = await open();
    const later = beside(world, 9);
    const mail = (deliveryId: string) => ({
      deliveryId,
      receivedAtMs: world.nowMs,
      sealed: world.keyring.seal("mail", deliveryId),
    });
    for (const deliveryId of ["d1", "d2", "d3"]) await world.store.addInboxMail(mail(deliveryId));
    expect(await uses(world.store)).toEqual({ [idOf(world)]: inbox(3) });
    const sealed = later.keyring.seal("mail", "d2");
    await world.store.resealInboxMail("d2", sealed);
    await world.store.resealInboxMail("none", "with.this id");
    expect(await uses(world.store)).toEqual({ [idOf(world)]: inbox(2), [idOf(later)]: inbox(1) });
    const mails = await world.store.listInboxMails(10);
    expect(mails.map(({ deliveryId }) => deliveryId)).toEqual(["d3", "d2", "d1"]);
    expect(mails[1]).toEqual({ deliveryId: "d2", receivedAtMs: world.nowMs, sealed });
  });
}

/** The same store, with another key. */
function beside(world: OpenedWorld, fill: number): World {
  const other = new World(world.store, {}, new Keyring([new Uint8Array(32).fill(fill)]));
  other.nowMs = world.nowMs;
  return other;
}

function idOf({ keyring }: World): string {
  return keyring.keyIds[0] ?? "";
}

async function uses(store: Store): Promise<object> {
  return byKey(await store.keyUses());
}

function byKey(found: readonly KeyUse[]): object {
  return Object.fromEntries(found.map(({ keyId, ...use }) => [keyId, use]));
}

function code(codesUntilMs: number) {
  return { codesUntilMs, inboxMails: 0 };
}

function inbox(inboxMails: number) {
  return { codesUntilMs: undefined, inboxMails };
}
