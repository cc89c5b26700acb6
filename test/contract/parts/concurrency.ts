// Many callers at once: nothing is lost, doubled or given to two.
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { UserReply } from "../../../src/verification/user/commands.ts";
import { eventsOf, readLog } from "../history-checker.ts";
import type { OpenWorld } from "../store-contract.ts";
import { outcomes, same, times, type World } from "../world.ts";

const CALLERS = 96;

export function concurrencyContract(open: OpenWorld): void {
  test("on one user: every caller gets a sequence of its own, without gap", async () => {
    const world = await open();
    await world.addUser("ada");
    const replies = await Promise.all(times(CALLERS, () => world.sendCode("ada")));
    const sequences = replies.map(({ details }) => details.sequence).toSorted((a, b) => a - b);
    expect(sequences).toEqual(times(CALLERS, (index) => index + 2));
    expect(await world.store.findUser("ada")).toMatchObject({ sequence: CALLERS + 1 });
    expect(await world.store.claimDeliveries(CALLERS * 2, world.nowMs, world.nowMs + 1)).toHaveLength(
      CALLERS,
    );
  });

  test("on many users: every caller gets the next sequence of its user", async () => {
    const world = await open();
    await Promise.all(times(CALLERS, (index) => world.addUser(`user-${index}`)));
    for (const sequence of [2, 3]) {
      const replies = await Promise.all(times(CALLERS, (index) => world.sendCode(`user-${index}`)));
      expect(replies.map(({ details }) => details.sequence)).toEqual(same(CALLERS, sequence));
    }
    const verified = await Promise.all(
      times(CALLERS, (index) => world.verify(`user-${index}`, world.codeOf(`user-${index}`))),
    );
    expect(verified.map(({ details }) => details.sequence)).toEqual(same(CALLERS, 4));
    expect(await readLog(world.store)).toHaveLength(1 + CALLERS * 4);
  });

  test("for one username, in any case: one gets it", async () => {
    const world = await open();
    const { answers, refusals } = await outcomes(
      times(CALLERS, (index) =>
        world.addUser(`user-${index}`, { username: index % 2 === 0 ? "Ada" : "ADA" }),
      ),
    );
    expect(answers).toHaveLength(1);
    expect(refusals).toEqual(same(CALLERS - 1, "USERNAME_TAKEN"));
    expect((await world.list()).total).toBe(1);
  });

  test("for one id, as user and as service account: one gets it", async () => {
    const world = await open();
    const { answers, refusals } = await outcomes<unknown>(
      times(CALLERS, (index) =>
        index % 2 === 0
          ? world.addUser("ada", { username: `user-${index}` })
          : world.addServiceAccount("ada", `robot-${index}`),
      ),
    );
    expect(answers).toHaveLength(1);
    expect(refusals).toHaveLength(CALLERS - 1);
    const holders = [await world.store.findUser("ada"), await world.store.findServiceAccount("ada")];
    expect(holders.filter((holder) => holder !== undefined)).toHaveLength(1);
  });

  test("renaming to one name: one gets it, the others keep theirs", async () => {
    const world = await open();
    await Promise.all(times(CALLERS, (index) => world.addUser(`user-${index}`)));
    const { answers, refusals } = await outcomes(
      times(CALLERS, (index) =>
        world.run({ type: "user.update", userId: `user-${index}`, username: "wanted" }),
      ),
    );
    expect(answers).toHaveLength(1);
    expect(refusals).toEqual(same(CALLERS - 1, "USERNAME_TAKEN"));
    const named = (await world.list()).users.filter(({ state }) => state.username === "wanted");
    expect(named.map(({ userId }) => userId)).toEqual([
      await world.store.findClaim({ scope: "username", value: "wanted" }),
    ]);
  });

  test("guessing one code: no more tries than allowed", async () => {
    const world = await open({ maxAttemptsPerClient: 5, maxAttemptsPerCode: 12 });
    await world.addUser("ada");
    await world.sendCode("ada");
    const { answers, refusals } = await outcomes(
      times(CALLERS, (index) => world.verify("ada", "WRONG2", { client: `client-${index % 4}` })),
    );
    expect(answers).toEqual([]);
    expect(refusals.filter((name) => name === "CODE_INVALID")).toHaveLength(12);
    expect(refusals.filter((name) => name === "CODE_USED_UP")).toHaveLength(CALLERS - 12);
    expect(await world.store.findUser("ada")).toMatchObject({ sequence: 2 + 12 });
  });

  test("with the right code: it is spent once, whoever repeats it gets the same answer", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada");
    const code = world.codeOf("ada");
    const replies = await Promise.all(
      times(CALLERS, (index) => world.verify("ada", code, { client: `${index}` })),
    );
    expect(replies).toEqual(same(CALLERS, replies[0]));
    expect(replies[0]?.details.sequence).toBe(3);
    expect(await eventsOf(world.store, { type: "user", id: "ada" })).toHaveLength(3);
  });

  test("whatever they do in whatever order, the history stays sound and holds every answer", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 150, maxLength: 300, size: "max" }), async (script) => {
        const world = await open({ maxAttemptsPerClient: 2, maxAttemptsPerCode: 4 });
        const { answers, errors } = await outcomes(script.map((each) => perform(world, each)));
        expect(errors).toEqual([]);
        const log = await readLog(world.store);
        for (const { userId, reply } of answers) {
          const event = log.find(
            ({ aggregateId, sequence }) => aggregateId === userId && sequence === reply.details.sequence,
          );
          expect(event).toMatchObject({ createdAtMs: reply.details.changedAtMs });
        }
        // The checker runs on every world that was opened, after the test.
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });
}

interface Action {
  readonly userId: string;
  readonly kind: "add" | "delete" | "rename" | "send" | "verify" | "guess" | "set" | "lock" | "unlock";
  readonly text: string;
}

const action: fc.Arbitrary<Action> = fc.record({
  userId: fc.constantFrom("u1", "u2", "u3", "u4", "u5", "u6"),
  kind: fc.constantFrom("add", "add", "delete", "rename", "send", "verify", "guess", "set", "lock", "unlock"),
  text: fc.constantFrom("ann", "BOB", "bob", "cid"),
});

async function perform(
  world: World,
  { userId, kind, text }: Action,
): Promise<{ userId: string; reply: UserReply }> {
  const reply = () => {
    switch (kind) {
      case "add":
        return world.addUser(userId, { username: text });
      case "rename":
        return world.run({ type: "user.update", userId, username: text });
      case "send":
        return world.sendCode(userId);
      case "verify":
        return world.verify(userId, world.codes.get(userId) ?? "NOCODE");
      case "guess":
        return world.verify(userId, "WRONG2");
      case "set":
        return world.setEmail(userId, `${text}@example.com`);
      default:
        return world.run({ type: `user.${kind}`, userId });
    }
  };
  return { userId, reply: await reply() };
}
