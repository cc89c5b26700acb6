// Commands one after the other: what they record, answer, refuse and leave undone.
import { expect, test } from "@jest/globals";
import type { Caller } from "../../../src/verification/caller.ts";
import type { Verification } from "../../../src/verification/user/commands.ts";
import { eventsOf, readLog, userEventTypes } from "../history-checker.ts";
import type { OpenWorld } from "../store-contract.ts";
import { ORGANIZATION, outcomes, refusal, SYSTEM, same, times, userAdd } from "../world.ts";

const ADDED = "user.human.added";
const CODE_ADDED = "user.human.email.code.added";
const VERIFIED = "user.human.email.verified";
const FAILED = "user.human.email.verification.failed";

interface AddCase {
  readonly kind: Verification["kind"];
  readonly types: readonly string[];
  readonly returnsCode: boolean;
  readonly isVerified: boolean;
}

const ADD_CASES: readonly AddCase[] = [
  { kind: "none", types: [ADDED], returnsCode: false, isVerified: false },
  { kind: "send", types: [ADDED, CODE_ADDED], returnsCode: false, isVerified: false },
  { kind: "return", types: [ADDED, CODE_ADDED], returnsCode: true, isVerified: false },
  { kind: "verified", types: [ADDED, VERIFIED], returnsCode: false, isVerified: true },
];

const AWKWARD_TEXTS = {
  "quotes and SQL": `x'; DROP TABLE users; --"\`\\`,
  patterns: "100%_?*[a]",
  "line ends that are no control characters": "a\u2028b\u2029c\u00A0d",
  "other scripts": "Ада 愛 🦊 e\u0301",
  "JavaScript's own names": "__proto__",
  "a long text": "long ".repeat(20_000),
};

export function commandsContract(open: OpenWorld): void {
  test("user.add with each verification", async () => {
    const world = await open();
    for (const { kind, types, returnsCode, isVerified } of ADD_CASES) {
      const address = `${kind}@example.com`;
      const reply = await world.addUser(kind, { email: { address, verification: { kind } } });
      expect(reply).toEqual({
        details: { sequence: types.length, changedAtMs: world.nowMs, resourceOwner: ORGANIZATION },
        returnsCode,
      });
      expect(await userEventTypes(world.store, kind)).toEqual(types);
      expect(await world.store.findUser(kind)).toMatchObject({
        sequence: types.length,
        status: "active",
        username: address,
        email: { address, isVerified },
      });
    }
    const claimed = await world.store.claimDeliveries(10, world.nowMs, world.nowMs + 1);
    expect(claimed.map(({ recipient }) => recipient)).toEqual(["send@example.com"]);
  });

  test("an address's life: a code, a wrong try, the right one, the right one again, another address", async () => {
    const world = await open();
    await world.addUser("ada");
    const addedAtMs = world.nowMs;

    world.nowMs += 1_000;
    const sent = await world.sendCode("ada");
    expect(sent.details).toEqual({
      sequence: 2,
      changedAtMs: addedAtMs + 1_000,
      resourceOwner: ORGANIZATION,
    });

    world.nowMs += 1_000;
    expect(await refusal(world.verify("ada", "WRONG2"))).toMatchObject({ name: "CODE_INVALID" });

    world.nowMs += 1_000;
    const verified = await world.verify("ada", world.codeOf("ada"));
    expect(verified.details).toEqual({
      sequence: 4,
      changedAtMs: addedAtMs + 3_000,
      resourceOwner: ORGANIZATION,
    });
    expect(await world.store.findUser("ada")).toMatchObject({
      sequence: 4,
      createdAtMs: addedAtMs,
      changedAtMs: addedAtMs + 3_000,
      organizationId: ORGANIZATION,
      email: { isVerified: true },
      code: null,
    });

    world.nowMs += 1_000;
    expect(await world.verify("ada", world.codeOf("ada"))).toEqual(verified);

    await world.setEmail("ada", "ada@example.org");
    expect(await world.store.findUser("ada")).toMatchObject({
      sequence: 6,
      email: { address: "ada@example.org", isVerified: false },
      code: { expiresAtMs: world.nowMs + 3_600_000 },
    });
    expect(await userEventTypes(world.store, "ada")).toEqual([
      ADDED,
      CODE_ADDED,
      FAILED,
      VERIFIED,
      "user.human.email.changed",
      CODE_ADDED,
    ]);
  });

  test("a newer code replaces the older one", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada");
    const older = world.codeOf("ada");
    await world.withNewCode({ type: "email.resendCode", userId: "ada", verification: { kind: "send" } });
    expect(await refusal(world.verify("ada", older))).toMatchObject({ name: "CODE_SUPERSEDED" });
    expect((await world.verify("ada", world.codeOf("ada"))).details.sequence).toBe(5);
  });

  test("the life cycle of a user, to the tombstone", async () => {
    const world = await open();
    await world.addUser("ada");
    for (const type of [
      "user.lock",
      "user.unlock",
      "user.deactivate",
      "user.reactivate",
      "user.delete",
    ] as const) {
      await world.run({ type, userId: "ada" });
    }
    expect(await userEventTypes(world.store, "ada")).toEqual([
      ADDED,
      "user.locked",
      "user.unlocked",
      "user.deactivated",
      "user.reactivated",
      "user.removed",
    ]);
    expect(await world.store.findUser("ada")).toMatchObject({ sequence: 6, status: "deleted", username: "" });
    expect(await refusal(world.sendCode("ada"))).toMatchObject({ name: "EMAIL_NOT_FOUND" });
  });

  test("an event is recorded with its place, its payload and who caused it", async () => {
    const world = await open();
    const caller: Caller = {
      kind: "principal",
      userId: "admin-1",
      organizationId: ORGANIZATION,
      grants: [{ permissions: ["user.write"] }],
    };
    await world.store.execute(userAdd("ada", { username: "countess" }), world.plain(caller));
    await world.sendCode("ada");
    world.nowMs += 5;
    await refusal(world.verify("ada", "WRONG2", { caller: { kind: "anonymous" } }));
    const events = await eventsOf(world.store, { type: "user", id: "ada" });
    const codeId = (await world.store.findUser("ada"))?.code?.codeId;
    expect(events.map(({ editor }) => editor)).toEqual(["admin-1", "system", "anonymous"]);
    expect(events[0]).toEqual({
      position: expect.any(Number),
      aggregateType: "user",
      aggregateId: "ada",
      sequence: 1,
      type: ADDED,
      payload: {
        userName: "countess",
        firstName: "Ada",
        lastName: "Lovelace",
        displayName: "Ada Lovelace",
        email: "ada@example.com",
      },
      createdAtMs: world.nowMs - 5,
      organizationId: ORGANIZATION,
      editor: "admin-1",
    });
    expect(events[2]).toMatchObject({ payload: { codeId }, createdAtMs: world.nowMs, sequence: 3 });
  });

  test("a refusal commits its events and its debits", async () => {
    const world = await open({ maxAttemptsPerClient: 2 });
    await world.addUser("ada");
    await world.sendCode("ada");
    for (const sequence of [3, 4]) {
      expect(await refusal(world.verify("ada", "WRONG2"))).toMatchObject({ name: "CODE_INVALID" });
      expect(await world.store.findUser("ada")).toMatchObject({ sequence });
    }
    expect(await refusal(world.verify("ada", world.codeOf("ada")))).toMatchObject({ name: "CODE_USED_UP" });
    expect(await userEventTypes(world.store, "ada")).toEqual([ADDED, CODE_ADDED, FAILED, FAILED]);
  });

  test("a refusal without events leaves nothing behind", async () => {
    const world = await open();
    await world.addUser("ada");
    const before = await readLog(world.store);
    expect(await refusal(world.addUser("ada"))).toMatchObject({ name: "USER_ALREADY_EXISTS" });
    expect(await refusal(world.addUser("bob", { organizationId: "nowhere" }))).toMatchObject({
      name: "ORGANIZATION_NOT_FOUND",
    });
    expect(await refusal(world.addOrganization())).toMatchObject({ name: "ORGANIZATION_ALREADY_EXISTS" });
    expect(await refusal(world.sendCode("nobody"))).toMatchObject({ name: "EMAIL_NOT_FOUND" });
    expect(await readLog(world.store)).toEqual(before);
    expect(await world.store.findUser("bob")).toBeUndefined();
    expect(await world.store.findUser("nobody")).toBeUndefined();
    expect(await world.store.findOrganization("nowhere")).toBeUndefined();
    expect(await world.store.nextDeliveryDueMs()).toBeUndefined();
  });

  test("a refusal keeps what it says beside its name", async () => {
    const world = await open();
    await world.addUser("ada");
    const caller: Caller = {
      kind: "principal",
      userId: "x",
      organizationId: "y",
      grants: [{ permissions: [] }],
    };
    const { env } = world.environments.withNewCode(caller, "ada");
    const call = world.store.execute(
      { type: "email.sendCode", userId: "ada", verification: { kind: "send" } },
      env,
    );
    expect(await refusal(call)).toEqual({
      name: "PERMISSION_DENIED",
      metadata: { permission: "user.write" },
    });
  });

  test("a command that throws rolls back alone, its neighbours commit", async () => {
    const world = await open();
    await Promise.all(times(10, (index) => world.addUser(`user-${index}`)));
    const { answers, refusals, errors } = await outcomes(
      times(10, (index) =>
        index % 2 === 0
          ? world.sendCode(`user-${index}`)
          : world.run({ type: "email.sendCode", userId: `user-${index}`, verification: { kind: "send" } }),
      ),
    );
    expect(answers.map(({ details }) => details.sequence)).toEqual(same(5, 2));
    expect(refusals).toEqual([]);
    expect(errors.map(({ message }) => message)).toEqual(same(5, expect.stringContaining("newCode")));
    const users = await Promise.all(times(10, (index) => world.store.findUser(`user-${index}`)));
    expect(users.map((user) => user?.sequence)).toEqual([2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
    expect(await world.store.claimDeliveries(20, world.nowMs, world.nowMs + 1)).toHaveLength(5);
  });

  test("a command that fails half-way through its writes leaves none of them, its neighbours commit", async () => {
    const world = await open();
    await world.addServiceAccount("robot");
    await world.setToken("token-1", "robot", "hash-1");
    // Two tokens cannot have one hash: the second finds out after its event was written.
    const { answers, errors } = await outcomes([
      world.addOrganization("before"),
      world.setToken("token-2", "robot", "hash-1"),
      world.addOrganization("after"),
    ]);
    expect(answers).toEqual([null, null]);
    expect(errors).toHaveLength(1);
    expect(await eventsOf(world.store, { type: "access_token", id: "token-2" })).toEqual([]);
    expect(await world.store.findAccessToken("hash-1")).toMatchObject({ tokenId: "token-1" });
    await world.setToken("token-2", "robot", "hash-2");
    expect(await eventsOf(world.store, { type: "access_token", id: "token-2" })).toMatchObject([
      { sequence: 1 },
    ]);
  });

  test("a service account and its token", async () => {
    const world = await open();
    await world.addServiceAccount("robot", "Robot");
    expect(await world.store.findServiceAccount("robot")).toMatchObject({
      sequence: 1,
      organizationId: ORGANIZATION,
      username: "Robot",
      roles: [{ role: "IAM_OWNER" }, { role: "ORG_OWNER", organizationId: ORGANIZATION }],
    });
    await world.setToken("token-1", "robot", "hash-1");
    await world.setToken("token-1", "robot", "hash-1");
    const serviceAccount = await world.store.findServiceAccount("robot");
    expect(await world.store.findAccessToken("hash-1")).toEqual({
      tokenId: "token-1",
      hash: "hash-1",
      expiresAtMs: null,
      revokedAtMs: null,
      serviceAccountId: "robot",
      serviceAccount,
    });
    expect(await eventsOf(world.store, { type: "access_token", id: "token-1" })).toHaveLength(1);

    await world.setToken("token-1", "robot", "hash-2");
    expect(await world.store.findAccessToken("hash-1")).toBeUndefined();
    expect(await world.store.findAccessToken("hash-2")).toMatchObject({ tokenId: "token-1" });
    expect(await world.store.findServiceAccount("nobody")).toBeUndefined();
  });

  test("ids and names are unique over users and service accounts together", async () => {
    const world = await open();
    await world.addServiceAccount("robot", "R2D2");
    await world.addUser("ada", { username: "Ada" });
    expect(await refusal(world.addUser("robot"))).toMatchObject({ name: "USER_ALREADY_EXISTS" });
    expect(await refusal(world.addUser("bob", { username: "r2d2" }))).toMatchObject({
      name: "USERNAME_TAKEN",
    });
    const taken = { name: "SERVICE_ACCOUNT_ALREADY_EXISTS" };
    expect(await refusal(world.addServiceAccount("ada", "other"))).toMatchObject(taken);
    expect(await refusal(world.addServiceAccount("other", "ADA"))).toMatchObject(taken);
    expect(await world.store.findClaim({ scope: "username", value: "ada" })).toBe("ada");
    expect(await world.store.findClaim({ scope: "subject", value: "robot" })).toBe("robot");
    expect(await world.store.findClaim({ scope: "username", value: "other" })).toBeUndefined();
  });

  test("a username is free again after a rename or a deletion, an id never", async () => {
    const world = await open();
    await world.addUser("ada", { username: "first" });
    await world.run({ type: "user.update", userId: "ada", username: "second" });
    await world.addUser("bob", { username: "FIRST" });
    expect(await world.store.findClaim({ scope: "username", value: "first" })).toBe("bob");
    expect(
      await refusal(world.run({ type: "user.update", userId: "bob", username: "Second" })),
    ).toMatchObject({
      name: "USERNAME_TAKEN",
    });

    await world.run({ type: "user.delete", userId: "ada" });
    expect(await world.store.findClaim({ scope: "username", value: "second" })).toBeUndefined();
    expect(await world.store.findClaim({ scope: "subject", value: "ada" })).toBe("ada");
    await world.run({ type: "user.update", userId: "bob", username: "second" });
    expect(await refusal(world.addUser("ada"))).toMatchObject({ name: "USER_ALREADY_EXISTS" });
  });

  test("a username may change its case and stays the user's", async () => {
    const world = await open();
    await world.addUser("ada", { username: "ÄDA" });
    await world.run({ type: "user.update", userId: "ada", username: "Äda" });
    expect(await world.store.findUser("ada")).toMatchObject({ sequence: 2, username: "Äda" });
    expect(await world.store.findClaim({ scope: "username", value: "äda" })).toBe("ada");
  });

  test("awkward text is kept as it is", async () => {
    const world = await open();
    for (const [kind, text] of Object.entries(AWKWARD_TEXTS)) {
      const id = text.slice(0, 200);
      const profile = {
        givenName: text.trim(),
        familyName: text.trim(),
        nickName: text,
        displayName: text.trim(),
      };
      const email = { address: "a@example.com", verification: { kind: "send" } } as const;
      await world.addUser(id, { profile, username: id, email });
      const [delivery] = await world.store.claimDeliveries(1, world.nowMs, world.nowMs + 1);
      expect({
        kind,
        user: await world.store.findUser(id),
        events: await eventsOf(world.store, { type: "user", id }),
        listed: (await world.list({ kind: "ids", ids: [id] })).users,
        delivery,
      }).toMatchObject({
        kind,
        user: { username: id.trim(), profile },
        events: [{ aggregateId: id, payload: { nickName: text } }, { aggregateId: id }],
        listed: [{ userId: id, state: { profile } }],
        delivery: { userId: id },
      });
    }
  });

  test("wrong tries are counted for each client and for the code, and start anew with the next code", async () => {
    const world = await open({ maxAttemptsPerClient: 2, maxAttemptsPerCode: 3 });
    await world.addUser("ada");
    await world.sendCode("ada");
    const tries = async (clients: readonly string[], code = "WRONG2") => {
      const names: string[] = [];
      for (const client of clients) names.push((await refusal(world.verify("ada", code, { client }))).name);
      return names;
    };
    expect(await tries(["a", "a", "a", "b", "b"])).toEqual([
      "CODE_INVALID",
      "CODE_INVALID",
      "CODE_USED_UP",
      "CODE_INVALID",
      "CODE_USED_UP",
    ]);
    expect(await tries(["c"], world.codeOf("ada"))).toEqual(["CODE_USED_UP"]);

    await world.sendCode("ada");
    expect(await tries(["a"])).toEqual(["CODE_INVALID"]);
    expect((await world.verify("ada", world.codeOf("ada"), { client: "a" })).details.sequence).toBe(8);
  });

  test("counters last as long as their code, and pruning takes only those that are over", async () => {
    const world = await open({ maxAttemptsPerClient: 1, codeTtlMs: 1_000 });
    await world.addUser("ada");
    await world.sendCode("ada");
    await refusal(world.verify("ada", "WRONG2"));
    const tryRight = async () => (await refusal(world.verify("ada", world.codeOf("ada")))).name;
    // The code can be used in the millisecond of its expiry still.
    for (const elapsedMs of [0, 999, 1]) {
      world.nowMs += elapsedMs;
      await world.store.maintain({ kind: "pruneBuckets", nowMs: world.nowMs });
      expect(await tryRight()).toBe("CODE_USED_UP");
    }
    world.nowMs += 1;
    expect(await tryRight()).toBe("CODE_EXPIRED");
    await world.store.maintain({ kind: "pruneBuckets", nowMs: world.nowMs });
    expect(await tryRight()).toBe("CODE_EXPIRED");
  });

  test("the decider sees the time of the environment, not the store's", async () => {
    const world = await open();
    world.nowMs = Date.UTC(2001, 0, 1);
    await world.addUser("ada");
    await world.sendCode("ada");
    world.nowMs += 3_600_000;
    const reply = await world.verify("ada", world.codeOf("ada"));
    expect(reply.details.changedAtMs).toBe(Date.UTC(2001, 0, 1, 1));
    expect(world.plain().caller).toEqual(SYSTEM);
  });
}
