/** What callers may choose as a user's id, username and names. */
import { describe, expect, test } from "@jest/globals";
import type { NewProfile } from "../../../../src/verification/user/commands.ts";
import { userTextProblem, type UserTexts } from "../../../../src/verification/user/text-problem.ts";
import { PASTS, addUser, givenUser, updateUser } from "./user-data.ts";

const NAMES = { givenName: "Ada", familyName: "Lovelace" } as const;

/** One of C0, the two around its end, both ends of C1, and half a character. */
const UNFIT = ["\0", "\n", "\u001F", "\u007F", "\u0080", "\u009F", "\uD83D"];
const FIT = ["Zoë 😀", "محمد\u200F", "O'Brien-Smith, Jr.", "李\u3000明", "a\u00A0b", "e\u0301"];

const FIELDS: readonly (readonly [field: string, withText: (text: string) => UserTexts])[] = [
  ["user_id", (userId) => ({ userId })],
  ["username", (username) => ({ username })],
  ["profile.given_name", (givenName) => ({ profile: { givenName } })],
  ["profile.family_name", (familyName) => ({ profile: { familyName } })],
  ["profile.nick_name", (nickName) => ({ profile: { nickName } })],
  ["profile.display_name", (displayName) => ({ profile: { displayName } })],
  ["profile.preferred_language", (preferredLanguage) => ({ profile: { preferredLanguage } })],
];

describe.each(FIELDS)("%s", (field, withText) => {
  test.each(UNFIT.map((unfit) => [unfit]))("with %j in it is refused", (unfit) => {
    const description = "takes no control characters";
    expect(userTextProblem(withText(`a${unfit}b`))).toMatchObject({
      name: "USER_INVALID",
      text: `The user cannot be like this: ${field} ${description}`,
      fields: [{ field, description }],
    });
  });

  test.each(FIT.map((fit) => [fit]))("may be %j", (fit) => {
    expect(userTextProblem(withText(fit))).toBeUndefined();
  });
});

test.each<[string, UserTexts, string | undefined]>([
  ["blanks around a username", { username: "\t ada\r\n" }, undefined],
  ["blanks around a given name", { profile: { givenName: "\nAda\n" } }, undefined],
  [
    "a line break around a nick name, which is stored as it is",
    { profile: { nickName: "Ada\n" } },
    "profile.nick_name",
  ],
  ["a line break around an id", { userId: "ada\n" }, "user_id"],
  ["nothing at all", {}, undefined],
])("%s", (_row, texts, field) => {
  expect(userTextProblem(texts)?.fields?.[0]?.field).toBe(field);
});

const unfit: Partial<NewProfile> = { nickName: "\u0007" };

test.each([
  ["added", [], addUser({ profile: { ...NAMES, ...unfit } })],
  ["added under an id", [], addUser({ userId: "user1\0" })],
  ["added under a username", [], addUser({ username: "a\0da" })],
  ["updated", PASTS.active, updateUser({ profile: unfit })],
  ["renamed", PASTS.active, updateUser({ username: "a\0da" })],
])("a user is not %s with such a text", (_row, past, command) => {
  const decision = givenUser(...past).when(command);
  expect(decision.outcome).toMatchObject({ ok: false, failure: { name: "USER_INVALID" } });
  expect(decision).toMatchObject({ events: [], claims: [], outbox: [] });
});
