// Users who are held while somebody acts on what was found of them.
import { expect, test } from "@jest/globals";
import { monotonicNowMs } from "../../../src/store/monotonic-clock.ts";
import type { OpenWorld } from "../store-contract.ts";
import { times, type World } from "../world.ts";

const unheeded = () => {};

export function holdsContract(open: OpenWorld): void {
  test("who holds a user finds what is known of them", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada");
    const hold = await world.store.holdUser("ada", unheeded);
    expect(hold.user).toEqual(await world.store.findUser("ada"));
    expect(hold.untilMs).toBeGreaterThan(monotonicNowMs());
    hold.release();
    for (const nobody of ["bob", "", "a\0b", "\uD800"]) {
      const none = await world.store.holdUser(nobody, unheeded);
      expect(none.user).toBeUndefined();
      none.release();
    }
  });

  test("a command on a held user is committed, and answered when listeners know of it or the hold is over", async () => {
    const world = await open();
    await world.addUser("ada");
    const hold = await world.store.holdUser("ada", unheeded);
    const order: string[] = [];
    world.store.committed(({ changedUsers }) => {
      if (changedUsers.includes("ada")) order.push("known");
    });
    const answered = world.sendCode("ada").then(() => order.push("answered"));
    // By then it is committed, and would be answered.
    await world.addUser("bob");
    expect(await world.store.findUser("ada")).toMatchObject({ sequence: 2 });
    order.push("released");
    hold.release();
    await answered;
    expect(order.indexOf("answered")).toBeGreaterThan(
      world.store.hearsEveryCommit ? order.indexOf("known") : order.indexOf("released"),
    );
  });

  test("a look that comes after a command sees it, however many look and change", async () => {
    const world = await open();
    await world.addUser("ada");
    await Promise.all(
      times(8, async () => {
        for (let round = 0; round < 5; round++) {
          const { details } = await world.sendCode("ada", { kind: "return" });
          const hold = await world.store.holdUser("ada", unheeded);
          expect(hold.user?.sequence).toBeGreaterThanOrEqual(details.sequence);
          hold.release();
        }
      }),
    );
  });

  test("many can be held at once, released in any order and more than once, and held again", async () => {
    const world = await open();
    const ids = times(60, (index) => `user-${index}`);
    await Promise.all(ids.map((id) => world.addUser(id)));
    await holdAll(world, ids);
    await holdAll(world, ids.toReversed());
    const replies = await Promise.all(ids.map((id) => world.sendCode(id)));
    expect(new Set(replies.map(({ details }) => details.sequence))).toEqual(new Set([2]));
  });
}

async function holdAll(world: World, ids: readonly string[]): Promise<void> {
  const held: string[] = [];
  await Promise.all(
    ids.map(async (id, index) => {
      const hold = await world.store.holdUser(id, unheeded);
      held.push(id);
      expect(hold.user?.email.address).toBe(`${id}@example.com`);
      if (index % 2 === 0) await new Promise(setImmediate);
      hold.release();
      hold.release();
    }),
  );
  expect(held.toSorted()).toEqual(ids.toSorted());
}
