// The checker itself: it has to find what is wrong, or its silence means nothing.
import { describe, expect, test } from "@jest/globals";
import type { RecordedEvent, Store } from "../../src/store/store.ts";
import type { UserState } from "../../src/verification/user/state.ts";
import { byAggregate, fold, historyProblems, readLog } from "./history-checker.ts";

const LOG: readonly RecordedEvent[] = [
  event(1, "organization", "org-1", 1, "org.added", { name: "One" }),
  event(2, "user", "ada", 1, "user.human.added", {
    userName: "Ada",
    firstName: "Ada",
    lastName: "Lovelace",
    displayName: "Ada Lovelace",
    email: "ada@example.com",
  }),
  event(3, "service_account", "robot", 1, "user.machine.added", { userName: "robot", roles: [] }),
  event(4, "access_token", "token", 1, "user.pat.added", { serviceAccountId: "robot", hash: "old" }),
  event(5, "user", "ada", 2, "user.username.changed", { userName: "Countess" }),
  event(6, "access_token", "token", 2, "user.pat.added", { serviceAccountId: "robot", hash: "new" }),
  event(7, "user", "ada", 3, "user.locked", {}),
];

function event(
  position: number,
  aggregateType: RecordedEvent["aggregateType"],
  aggregateId: string,
  sequence: number,
  type: string,
  payload: object,
): RecordedEvent {
  return {
    position,
    aggregateType,
    aggregateId,
    sequence,
    type,
    payload,
    createdAtMs: position,
    organizationId: "org-1",
    editor: "system",
  };
}

type Sound = Pick<
  Store,
  | "readEvents"
  | "prunedPosition"
  | "findUser"
  | "findOrganization"
  | "findServiceAccount"
  | "findAccessToken"
  | "findClaim"
  | "listUsers"
>;

/** A store that answers what follows from its log. */
function soundStore(log: readonly RecordedEvent[] = LOG): Sound {
  const states = new Map(byAggregate(LOG).map((history) => [history.id, fold(history)]));
  const find = <State>(id: string) => Promise.resolve(states.get(id) as State | undefined);
  const claims = new Map([
    ["subject ada", "ada"],
    ["username countess", "ada"],
    ["subject robot", "robot"],
    ["username robot", "robot"],
  ]);
  return {
    readEvents: (after, limit) =>
      Promise.resolve(log.filter(({ position }) => position > after).slice(0, limit)),
    prunedPosition: () => Promise.resolve(0),
    findUser: find,
    findOrganization: find,
    findServiceAccount: find,
    findAccessToken: async (hash) => {
      const serviceAccount =
        await find<NonNullable<Awaited<ReturnType<Sound["findServiceAccount"]>>>>("robot");
      if (hash !== "new" || serviceAccount === undefined) return undefined;
      return {
        tokenId: "token",
        hash,
        serviceAccountId: "robot",
        serviceAccount,
        expiresAtMs: null,
        revokedAtMs: null,
      };
    },
    findClaim: ({ scope, value }) => Promise.resolve(claims.get(`${scope} ${value}`)),
    listUsers: () =>
      Promise.resolve({
        users: [{ userId: "ada", state: states.get("ada") as UserState }],
        total: 1,
        position: 7,
      }),
  };
}

test("a sound store has no problems", async () => {
  expect(await historyProblems(soundStore())).toEqual([]);
});

test("the log is read to its end, whatever the size of the pages", async () => {
  for (const size of [1, 2, 7, 8]) expect(await readLog(soundStore(), size)).toEqual(LOG);
});

describe("problems are found:", () => {
  const ada = fold({
    type: "user",
    id: "ada",
    events: LOG.filter(({ aggregateId }) => aggregateId === "ada"),
  });
  const changed = (index: number, change: Partial<RecordedEvent>) =>
    soundStore(LOG.with(index, { ...LOG[index], ...change } as RecordedEvent));
  const broken: [string, Sound, string][] = [
    ["a gap", soundStore(LOG.toSpliced(4, 1)), "user ada: sequences are 1 3"],
    ["a twin", changed(4, { sequence: 1 }), "user ada: sequences are 1 1 3"],
    ["an event lost at the end", soundStore(LOG.slice(0, 6)), "user ada: is {"],
    [
      "an owner that changed",
      changed(4, { organizationId: "org-2" }),
      "user ada: events belong to org-1 and org-2",
    ],
    ["a payload that does not fit", changed(0, { payload: { name: "Two" } }), "organization org-1: is {"],
    [
      "a user that is missing",
      { ...soundStore(), findUser: async () => undefined },
      "user ada: is undefined",
    ],
    [
      "a claim that is missing",
      { ...soundStore(), findClaim: async () => undefined },
      "claim of username Countess: is undefined",
    ],
    [
      "an old name that is kept",
      { ...soundStore(), findClaim: async ({ value }) => (value === "robot" ? "robot" : "ada") },
      "user ada: still holds its old username Ada",
    ],
    [
      "an old token that still opens",
      {
        ...soundStore(),
        findAccessToken: async (hash) => {
          const record = await soundStore().findAccessToken("new");
          return record && { ...record, hash };
        },
      },
      "access_token token: its old hash is found",
    ],
    [
      "a user that is not listed",
      { ...soundStore(), listUsers: async () => ({ users: [], total: 0, position: 7 }) },
      "listed user ada: is undefined",
    ],
    [
      "a user that is listed as it was",
      {
        ...soundStore(),
        listUsers: async () => ({
          users: [{ userId: "ada", state: { ...ada, status: "active" } as UserState }],
          total: 1,
          position: 7,
        }),
      },
      "listed user ada: is {",
    ],
    [
      "a stranger in the list",
      {
        ...soundStore(),
        listUsers: async () => ({
          users: [
            { userId: "ada", state: ada as UserState },
            { userId: "eve", state: ada as UserState },
          ],
          total: 2,
          position: 7,
        }),
      },
      "listed user eve: has no events",
    ],
  ];
  test.each(broken)("%s", async (_, store, problem) => {
    expect(await historyProblems(store)).toContainEqual(expect.stringContaining(problem));
  });

  describe("where events were pruned", () => {
    const pruned = (log: readonly RecordedEvent[]): Sound => ({
      ...soundStore(log),
      prunedPosition: () => Promise.resolve(1),
    });
    test("histories may begin late", async () => {
      expect(await historyProblems(pruned(LOG.toSpliced(1, 1)))).toEqual([]);
    });

    test.each([
      ["a gap in the midst", LOG.toSpliced(4, 1), "user ada: sequences are 1 3"],
      ["an event lost at the end", LOG.toSpliced(6, 1).toSpliced(1, 1), "sequence of ada: is 3"],
    ])("%s", async (_, log, problem) => {
      expect(await historyProblems(pruned(log))).toContainEqual(expect.stringContaining(problem));
    });
  });

  test("positions that do not increase", async () => {
    const store = {
      ...soundStore(),
      readEvents: async () => LOG.with(3, { ...LOG[3], position: 2 } as RecordedEvent),
    };
    expect(await historyProblems(store)).toContain("position 2 follows 3");
  });
});
