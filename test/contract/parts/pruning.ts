// Counters that are over are removed while calls go on.
import { expect, test } from "@jest/globals";
import type { SendLimits } from "../../../src/verification/environment.ts";
import type { OpenWorld } from "../store-contract.ts";
import { outcomes, refusal, times } from "../world.ts";

/** Two counters each, together some thousand. */
const USERS = 3_200;
/** Fewer than wait in a queue. */
const AT_ONCE = 400;
const HOUR_MS = 3_600_000;
const SEND_LIMITS: SendLimits = {
  mode: "enforce",
  cooldownMs: 0,
  perAddress: 1,
  perUser: 1,
  perPrincipal: 0,
  perClient: 0,
};

export function pruningContract(open: OpenWorld): void {
  test("calls are answered while many counters are removed, and those that run still count", async () => {
    const world = await open({ sends: SEND_LIMITS });
    const users = times(USERS, (n) => `user-${n}`);
    for (let from = 0; from < USERS; from += AT_ONCE) {
      const calls = users.slice(from, from + AT_ONCE).map((userId) =>
        world.addUser(userId, {
          email: { address: `${userId}@example.com`, verification: { kind: "send" } },
        }),
      );
      expect(await outcomes(calls)).toMatchObject({ refusals: [], errors: [] });
    }
    expect((await refusal(world.sendCode("user-0"))).name).toBe("ADDRESS_SENDS_EXHAUSTED");

    world.nowMs += HOUR_MS;
    const inOrder: string[] = [];
    const pruned = world.store
      .maintain({ kind: "pruneBuckets", nowMs: world.nowMs })
      .then(() => inOrder.push("pruned"));
    const called = world.sendCode("user-1").then(() => inOrder.push("called"));
    await Promise.all([pruned, called]);
    expect(inOrder).toEqual(["called", "pruned"]);

    expect((await refusal(world.sendCode("user-1"))).name).toBe("ADDRESS_SENDS_EXHAUSTED");
    expect((await world.sendCode("user-0")).details.sequence).toBe(3);
  }, 60_000);
}
