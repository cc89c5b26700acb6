// Commands that carry an idempotency key: one effect, one answer, however often they come.
import { describe, expect, test } from "@jest/globals";
import { Keyring } from "../../../src/store/keyring.ts";
import type { IdempotencyKey, UserCommand, UserReply } from "../../../src/verification/user/commands.ts";
import { REPLY_KEPT_MS } from "../../../src/verification/user/idempotency.ts";
import type { OpenWorld } from "../store-contract.ts";
import { ORGANIZATION, outcomes, refusal, SYSTEM, times, userAdd, type World } from "../world.ts";

const KEY = { scope: "scope-1", fingerprint: "fingerprint-1" };

export function idempotencyContract(open: OpenWorld): void {
  test("the same command again changes nothing and gets the first answer", async () => {
    const world = await open();
    await world.addUser("ada");
    const first = await keyed(world, sendCode("ada"));
    expect(first).toEqual({ details: details(2, world.nowMs), returnsCode: false });
    world.nowMs += 1_000;
    const before = await recordOf(world);
    expect(await keyed(world, sendCode("ada"))).toEqual({ ...first, replay: { userId: "ada" } });
    expect(await recordOf(world)).toEqual(before);
  });

  test("of many at once, one does the work", async () => {
    const world = await open();
    await world.addUser("ada");
    const { answers, refusals, errors } = await outcomes(times(1_000, () => keyed(world, sendCode("ada"))));
    expect({ refusals, errors }).toEqual({ refusals: [], errors: [] });
    expect(answers.filter(({ replay }) => replay === undefined)).toHaveLength(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.details)))).toEqual(
      new Set([JSON.stringify(details(2, world.nowMs))]),
    );
    expect(await recordOf(world)).toMatchObject({ events: ["user.human.added", CODE_ADDED], mails: 1 });
  });

  test("between them, other commands go on as ever", async () => {
    const world = await open();
    await world.addUser("ada");
    await keyed(world, sendCode("ada"));
    await world.sendCode("ada");
    const again = await keyed(world, sendCode("ada"));
    expect(again.details.sequence).toBe(2);
    expect((await keyed(world, sendCode("ada"), { scope: "scope-2" })).details.sequence).toBe(4);
    expect(await recordOf(world)).toMatchObject({ mails: 3 });
  });

  test("another request under the key is refused and changes nothing", async () => {
    const world = await open();
    await world.addUser("ada");
    await keyed(world, sendCode("ada"));
    const before = await recordOf(world);
    const other = keyed(world, sendCode("ada"), { fingerprint: "fingerprint-2" });
    expect((await refusal(other)).name).toBe("IDEMPOTENCY_KEY_REUSED");
    expect(await recordOf(world)).toEqual(before);
    expect((await keyed(world, sendCode("ada"))).replay).toEqual({ userId: "ada" });
  });

  test("an answer outlives the process", async () => {
    const world = await open();
    await world.addUser("ada");
    const first = await keyed(world, sendCode("ada"));
    await world.reopen();
    expect(await keyed(world, sendCode("ada"))).toEqual({ ...first, replay: { userId: "ada" } });
  });

  test("a refusal is not kept: the call may succeed under the same key later", async () => {
    const world = await open();
    expect((await refusal(keyed(world, sendCode("ada")))).name).toBe("EMAIL_NOT_FOUND");
    await world.addUser("ada");
    expect(await keyed(world, sendCode("ada"))).toMatchObject({ details: { sequence: 2 } });
    expect(await recordOf(world)).toMatchObject({ mails: 1 });
  });

  test("a success is answered again even where the rules would refuse by now", async () => {
    const world = await open();
    await world.addUser("ada");
    const command: UserCommand = {
      type: "email.set",
      userId: "ada",
      address: "new@example.com",
      verification: { kind: "send" },
    };
    const first = await keyed(world, command);
    expect(first.details.sequence).toBe(3);
    await world.run({ type: "user.delete", userId: "ada" });
    expect(await keyed(world, command)).toEqual({ ...first, replay: { userId: "ada" } });
  });

  test("a new user whose id the service made keeps that id", async () => {
    const world = await open();
    const add = (userId: string) => userAdd(userId, { username: "ada", email: NO_CODE });
    const first = await keyed(world, add("made-1"));
    const second = await keyed(world, add("made-2"));
    expect(second).toEqual({ ...first, replay: { userId: "made-1" } });
    expect(await world.store.findUser("made-2")).toBeUndefined();
    expect((await world.list()).total).toBe(1);
  });

  test("a code that the caller got comes back sealed, as it was", async () => {
    const world = await open();
    await world.addUser("ada");
    const first = await keyed(world, returnCode("ada"), { sealedCode: "sealed.1" });
    expect(first.returnsCode).toBe(true);
    const again = await keyed(world, returnCode("ada"), { sealedCode: "sealed.2" });
    const replay = { userId: "ada", sealedCode: "sealed.1" };
    expect(again).toEqual({ ...first, replay });
  });

  test("codes that callers got come back, each to its own call, also where many were kept at once", async () => {
    const world = await open();
    await Promise.all(times(40, (n) => world.addUser(`user-${n}`)));
    const ask = (n: number, code: string) => {
      const { env } = world.environments.withNewCode(SYSTEM, `user-${n}`);
      const idempotency = { ...KEY, scope: scopeOf(n) };
      const returned = n % 3 === 0 ? undefined : world.environments.returnedCode(code);
      const command = n % 3 === 0 ? sendCode(`user-${n}`) : returnCode(`user-${n}`);
      return world.store.execute({ ...command, idempotency }, env, returned);
    };
    const scopeOf = (n: number) => `scope-${String(n).padStart(30, "0")}`;
    const openedBy = async () => {
      const answers = await Promise.all(times(40, (n) => ask(n, "LATER2")));
      return answers.map(({ replay }, n) => {
        const sealed = replay?.sealedCode;
        return sealed === undefined ? replay : world.environments.openCode(sealed, scopeOf(n));
      });
    };
    await Promise.all(times(40, (n) => ask(n, `CODE${n}`)));
    const expected = times(40, (n) => (n % 3 === 0 ? { userId: `user-${n}` } : `CODE${n}`));
    expect(await openedBy()).toEqual(expected);
    await world.reopen();
    expect(await openedBy()).toEqual(expected);
    const keyIds = (await world.store.keyUses()).map(({ keyId }) => keyId);
    expect(keyIds).toEqual([world.keyring.keyIds[0]]);
  });

  test("of equal commands in one batch, the one that was answered first has its code kept", async () => {
    const world = await open();
    await world.addUser("ada");
    const answers = await Promise.all(
      times(20, async (n) => {
        const { env } = world.environments.withNewCode(SYSTEM, "ada");
        const command = { ...returnCode("ada"), idempotency: KEY };
        const reply = await world.store.execute(command, env, world.environments.returnedCode(`CODE${n}`));
        const sealed = reply.replay?.sealedCode;
        return sealed === undefined ? `CODE${n}` : world.environments.openCode(sealed, KEY.scope);
      }),
    );
    expect(new Set(answers).size).toBe(1);
  });

  describe("after a day", () => {
    test("the same call is a new one", async () => {
      const world = await open();
      await world.addUser("ada");
      await keyed(world, sendCode("ada"));
      world.nowMs += REPLY_KEPT_MS - 1;
      expect(await keyed(world, sendCode("ada"))).toHaveProperty("replay");
      world.nowMs += 1;
      const anew = await keyed(world, sendCode("ada"), { fingerprint: "fingerprint-2" });
      expect(anew).toEqual({ details: details(3, world.nowMs), returnsCode: false });
      // It took the place of the old answer, for a day of its own.
      world.nowMs += REPLY_KEPT_MS - 1;
      const again = await keyed(world, sendCode("ada"), { fingerprint: "fingerprint-2" });
      expect(again).toEqual({ ...anew, replay: { userId: "ada" } });
    });

    test("pruning removes what is over, however much that is, and nothing else", async () => {
      const world = await open();
      await world.addUser("ada");
      const keyIds = () => world.store.keyUses().then((uses) => uses.map(({ keyId }) => keyId));
      await Promise.all(
        times(2_345, (n) =>
          keyed(world, returnCode("ada"), { scope: `old-${n}`, sealedCode: "oldKey.sealed" }),
        ),
      );
      world.nowMs += 1;
      await keyed(world, returnCode("ada"), { scope: "young", sealedCode: "youngKey.sealed" });
      world.nowMs += REPLY_KEPT_MS - 2;
      await world.store.maintain({ kind: "pruneReplies", nowMs: world.nowMs });
      expect(await keyIds()).toEqual(expect.arrayContaining(["oldKey", "youngKey"]));
      world.nowMs += 1;
      await world.store.maintain({ kind: "pruneReplies", nowMs: world.nowMs });
      expect(await keyIds()).not.toContain("oldKey");
      expect(await keyIds()).toContain("youngKey");
      expect(await keyed(world, returnCode("ada"), { scope: "young", sealedCode: "x.y" })).toHaveProperty(
        "replay.sealedCode",
        "youngKey.sealed",
      );
    });
  });

  test("a kept code needs the key that sealed it as long as it is kept", async () => {
    const world = await open();
    await world.addUser("ada");
    const sealing = new Keyring([new Uint8Array(32).fill(9)]);
    const sealedCode = sealing.seal("ABC234", KEY.scope);
    await keyed(world, returnCode("ada"), { sealedCode });
    const uses = await world.store.keyUses();
    const [keyId] = sealing.keyIds;
    expect(uses).toContainEqual({ keyId, codesUntilMs: world.nowMs + REPLY_KEPT_MS, inboxMails: 0 });
  });
}

const CODE_ADDED = "user.human.email.code.added";
const NO_CODE = { address: "ada@example.com", verification: { kind: "none" } } as const;

function sendCode(userId: string): UserCommand {
  return { type: "email.sendCode", userId, verification: { kind: "send" } };
}

function returnCode(userId: string): UserCommand {
  return { type: "email.sendCode", userId, verification: { kind: "return" } };
}

/** Executes the command under `KEY`, with a fresh code, as a caller's repetition brings one. */
async function keyed(
  { store, environments }: World,
  command: UserCommand,
  key: Partial<IdempotencyKey> = {},
): Promise<UserReply> {
  const { env } = environments.withNewCode(SYSTEM, command.userId);
  return await store.execute({ ...command, idempotency: { ...KEY, ...key } }, env);
}

async function recordOf({ store }: World): Promise<{ events: string[]; mails: number }> {
  const events = await store.readEvents(0, 10_000);
  const { pendingDeliveries } = await store.figures();
  return {
    events: events.map(({ type }) => type).filter((type) => type.startsWith("user.")),
    mails: pendingDeliveries.queued,
  };
}

function details(sequence: number, changedAtMs: number) {
  return { sequence, changedAtMs, resourceOwner: ORGANIZATION };
}
