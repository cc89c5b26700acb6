import { describe, expect, test } from "@jest/globals";
import type { KeyCommandResult } from "../../../src/cli/key-commands.ts";
import { renderByHand, renderKeysJson, renderKeysText } from "../../../src/cli/key-report.ts";
import type { KeyState } from "../../../src/store/key-rotation.ts";

const NEWEST: KeyState = {
  id: "aaaa",
  isNewest: true,
  isNeeded: true,
  codesUntilMs: undefined,
  inboxMails: 0,
};
const IN_USE: KeyState = {
  id: "bbbb",
  isNewest: false,
  isNeeded: true,
  codesUntilMs: Date.UTC(2026, 10, 22, 14, 4, 30),
  inboxMails: 0,
};
const OVER: KeyState = { ...IN_USE, id: "cccc", isNeeded: false, codesUntilMs: undefined };

const RESULT: KeyCommandResult = {
  command: "list",
  source: { kind: "file", path: "data/secret.key", isOurs: true },
  isShared: false,
  keys: [NEWEST],
  missing: [],
  added: undefined,
  dropped: [],
  resealedMails: 0,
  unreadableMails: 0,
  byHand: undefined,
};

const VARIABLE = { kind: "variable", name: "COUNTERSIGN_SECRET_KEY" } as const;

test.each<[string, Partial<KeyCommandResult>, string[]]>([
  ["one key", {}, ["Newest key aaaa in data/secret.key: all new codes are made with it."]],
  [
    "every kind of key",
    { keys: [NEWEST, IN_USE, OVER], missing: [{ ...IN_USE, id: "dddd", inboxMails: 1 }] },
    [
      "Newest key aaaa in data/secret.key: all new codes are made with it.",
      "Old key bbbb is needed until 2026-11-22 14:05 UTC, when its last code expires; a later `countersign keys rotate` or `countersign keys prune` drops it.",
      "Old key cccc is not needed any more; `countersign keys prune` drops it.",
      "Key dddd is missing, and codes that can be used until 2026-11-22 14:05 UTC and 1 mail in the dev inbox cannot be read without it: restore it from a backup.",
    ],
  ],
  [
    "keys of a variable",
    { source: VARIABLE, keys: [NEWEST, IN_USE, OVER] },
    [
      "Newest key aaaa in COUNTERSIGN_SECRET_KEY: all new codes are made with it.",
      "Old key bbbb is needed until 2026-11-22 14:05 UTC, when its last code expires; then it may be taken out.",
      "Old key cccc is not needed any more; take it out of COUNTERSIGN_SECRET_KEY.",
    ],
  ],
  [
    "an old key of the inbox",
    { keys: [NEWEST, { ...IN_USE, codesUntilMs: undefined, inboxMails: 2 }] },
    [
      "Newest key aaaa in data/secret.key: all new codes are made with it.",
      "Old key bbbb is needed until `countersign keys prune` seals 2 mails of the dev inbox anew; a later `countersign keys rotate` or `countersign keys prune` drops it.",
    ],
  ],
  [
    "a rotation",
    {
      command: "rotate",
      added: "aaaa",
      keys: [NEWEST, IN_USE],
      dropped: ["cccc"],
      resealedMails: 3,
      unreadableMails: 1,
    },
    [
      "New key aaaa stands first in data/secret.key: all new codes are made with it.",
      "Old key cccc was dropped: nothing needs it any more.",
      "3 mails in the dev inbox were sealed anew with the newest key.",
      "1 mail in the dev inbox cannot be opened with any key; the inbox leaves them out.",
      "Old key bbbb is needed until 2026-11-22 14:05 UTC, when its last code expires; a later `countersign keys rotate` or `countersign keys prune` drops it.",
      "Next: keep a copy of data/secret.key apart from the database, and start the service.",
    ],
  ],
  ["a rotation by hand", { command: "rotate", source: VARIABLE, byHand: "why" }, []],
  [
    "a pruning that had something to do",
    { command: "prune", keys: [NEWEST], dropped: ["bbbb"], resealedMails: 1 },
    [
      "Old key bbbb was dropped: nothing needs it any more.",
      "1 mail in the dev inbox was sealed anew with the newest key.",
      "Newest key aaaa in data/secret.key: all new codes are made with it.",
    ],
  ],
  [
    "a pruning that had nothing to do",
    { command: "prune" },
    ["No key was dropped.", "Newest key aaaa in data/secret.key: all new codes are made with it."],
  ],
])("text of %s", (_, change, lines) => {
  expect(renderKeysText({ ...RESULT, ...change })).toBe(lines.map((line) => `${line}\n`).join(""));
});

test.each([
  ["2026-11-22T14:04:00.000Z", "2026-11-22 14:05 UTC"],
  ["2026-11-22T14:04:59.999Z", "2026-11-22 14:05 UTC"],
  ["2026-12-31T23:59:30.000Z", "2027-01-01 00:00 UTC"],
])("a code that works until %s is over by %s", (expiry, shown) => {
  const keys = [NEWEST, { ...IN_USE, codesUntilMs: Date.parse(expiry) }];
  expect(renderKeysText({ ...RESULT, keys })).toContain(`needed until ${shown}, when`);
});

describe("what is to be done by hand", () => {
  test("to rotate the keys of a variable", () => {
    const keys = [{ ...NEWEST, codesUntilMs: IN_USE.codesUntilMs, inboxMails: 2 }, IN_USE, OVER];
    const byHand = "the keys come from COUNTERSIGN_SECRET_KEY";
    expect(
      renderByHand({ ...RESULT, command: "rotate", source: VARIABLE, keys, byHand }).split("\n"),
    ).toEqual([
      "countersign: the keys come from COUNTERSIGN_SECRET_KEY; nothing was changed. To rotate by hand:",
      "  1. Make a key: openssl rand -base64 32",
      "  2. Put it first in COUNTERSIGN_SECRET_KEY, with a comma after it, and leave the keys that are there behind it.",
      "  3. Start the service: it makes new codes with the first key, and still knows those of the others.",
      "  4. Take a key out once nothing needs it; `countersign keys prune` says so.",
      "     first key now, aaaa: needed until 2026-11-22 14:05 UTC, when its last code expires, and until `countersign keys prune` seals 2 mails of the dev inbox anew; codes that it makes until the service has the new key prolong that",
      "     second key now, bbbb: needed until 2026-11-22 14:05 UTC, when its last code expires",
      "     third key now, cccc: not needed any more",
      "",
    ]);
  });

  test("to rotate the keys of a file that cannot be replaced", () => {
    const source = { kind: "file", path: "/run/secrets/keys", isOurs: false } as const;
    const byHand = "/run/secrets/keys cannot be replaced (EROFS)";
    const text = renderByHand({ ...RESULT, command: "rotate", source, byHand });
    expect(text).toContain(
      "countersign: /run/secrets/keys cannot be replaced (EROFS); nothing was changed. To rotate by hand:\n",
    );
    expect(text).toContain("Put it first in /run/secrets/keys, on a line of its own, and leave");
    expect(text).toContain("first key now, aaaa: not needed once the service has the new key");
  });

  test("to prune", () => {
    const keys = [NEWEST, OVER, IN_USE, { ...OVER, id: "eeee" }];
    const byHand = "the keys come from COUNTERSIGN_SECRET_KEY";
    expect(renderByHand({ ...RESULT, command: "prune", source: VARIABLE, keys, byHand }).split("\n")).toEqual(
      [
        "countersign: the keys come from COUNTERSIGN_SECRET_KEY; the rest is to be done by hand:",
        "  Take the second key, cccc, out of COUNTERSIGN_SECRET_KEY.",
        "  Take the fourth key, eeee, out of COUNTERSIGN_SECRET_KEY.",
        "",
      ],
    );
  });
});

test("JSON has the same members whatever the command", () => {
  const result = { ...RESULT, keys: [NEWEST, IN_USE], missing: [OVER] };
  const expected = {
    source: { kind: "file", path: "data/secret.key" },
    keys: [
      { id: "aaaa", lastCodeExpiresAt: null, inboxMails: 0, newest: true, needed: true },
      {
        id: "bbbb",
        lastCodeExpiresAt: "2026-11-22T14:04:30.000Z",
        inboxMails: 0,
        newest: false,
        needed: true,
      },
    ],
    missing: [{ id: "cccc", lastCodeExpiresAt: null, inboxMails: 0 }],
    added: null,
    dropped: [],
    resealedInboxMails: 0,
    unreadableInboxMails: 0,
    done: true,
  };
  expect(JSON.parse(renderKeysJson(result))).toEqual(expected);
  const rotation = { command: "rotate", added: "aaaa", dropped: ["dddd"], byHand: "why" } as const;
  expect(JSON.parse(renderKeysJson({ ...result, ...rotation, source: VARIABLE }))).toEqual({
    ...expected,
    source: VARIABLE,
    added: "aaaa",
    dropped: ["dddd"],
    done: false,
  });
});
