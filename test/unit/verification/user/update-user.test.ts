/** Facts 2.6, second half: UpdateUser and UpdateHumanUser. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { Verification } from "../../../../src/verification/user/commands.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, RECORDED_AT, only, reply, told } from "../given.ts";
import {
  ADDRESS,
  LINK,
  NEW_ADDRESS,
  NONE,
  PASTS,
  RETURN,
  SEND,
  VERIFIED,
  codeAdded,
  emailChanged,
  givenUser,
  humanAdded,
  mail,
  sendTo,
  updateUser,
  verified,
} from "./user-data.ts";

const email = (address: string, verification: Verification) =>
  updateUser({ email: { address, verification } });
const unchanged = (sequence: number) => only(reply(sequence, { changedAtMs: RECORDED_AT }));
const newMail = mail(1, { recipient: NEW_ADDRESS });

describe("the email oneof", () => {
  test.each<[string, UserEvent[], ReturnType<typeof updateUser>, ReturnType<typeof only>]>([
    [
      "new address, send",
      [humanAdded()],
      email(NEW_ADDRESS, SEND),
      only(reply(3), { events: [emailChanged(), codeAdded(1)], outbox: [newMail] }),
    ],
    [
      "new address, template",
      [humanAdded()],
      email(NEW_ADDRESS, sendTo(LINK)),
      only(reply(3), {
        events: [emailChanged(), codeAdded(1, { url_template: LINK })],
        outbox: [{ ...newMail, urlTemplate: LINK }],
      }),
    ],
    [
      "new address, return",
      [humanAdded()],
      email(NEW_ADDRESS, RETURN),
      only(reply(3, { returnsCode: true }), {
        events: [emailChanged(), codeAdded(1, { code_returned: true })],
      }),
    ],
    [
      "new address, is_verified true",
      [humanAdded()],
      email(NEW_ADDRESS, VERIFIED),
      only(reply(3), { events: [emailChanged(), verified()] }),
    ],
    [
      "new address, is_verified false",
      [humanAdded()],
      email(NEW_ADDRESS, NONE),
      only(reply(2), { events: [emailChanged()] }),
    ],
    [
      "same address, is_verified true, unverified",
      [humanAdded()],
      email(` ${ADDRESS} `, VERIFIED),
      only(reply(2), { events: [verified()] }),
    ],
    [
      "same address, is_verified true, verified",
      [humanAdded(), verified()],
      email(ADDRESS, VERIFIED),
      unchanged(2),
    ],
    ["same address, send", [humanAdded()], email(ADDRESS, SEND), unchanged(1)],
    ["same address, return", [humanAdded()], email(ADDRESS, RETURN), unchanged(1)],
    ["same address, is_verified false", [humanAdded(), verified()], email(ADDRESS, NONE), unchanged(2)],
    ["nothing asked", [humanAdded()], updateUser({}), unchanged(1)],
  ])("%s", (_row, past, command, expected) => {
    expect(told(givenUser(...past).when(command))).toEqual(expected);
  });
});

describe("username and profile", () => {
  const claims = (taken: string) => [
    { action: "release", scope: "username", value: "ada" } as const,
    { action: "take", scope: "username", value: taken } as const,
  ];
  const renamed = (userName: string): UserEvent => ({ type: "user.username.changed", payload: { userName } });

  test.each<[string, Parameters<typeof updateUser>[0], ReturnType<typeof only>]>([
    [
      "new username",
      { username: " Lovelace " },
      only(reply(2), { events: [renamed("Lovelace")], claims: claims("lovelace") }),
    ],
    [
      "other case of the username",
      { username: "ADA" },
      only(reply(2), { events: [renamed("ADA")], claims: claims("ada") }),
    ],
    ["same username", { username: "ada" }, unchanged(1)],
    ["same profile", { profile: { givenName: " Ada ", familyName: "Lovelace", gender: 0 } }, unchanged(1)],
    [
      "only what differs",
      {
        profile: {
          givenName: "Augusta",
          familyName: "Lovelace",
          nickName: "Countess",
          preferredLanguage: "en",
          gender: 1,
        },
      },
      only(reply(2), {
        events: [
          {
            type: "user.human.profile.changed",
            payload: { firstName: "Augusta", nickName: "Countess", preferredLanguage: "en", gender: 1 },
          },
        ],
      }),
    ],
    [
      "all at once, in this order",
      {
        username: "al",
        profile: { familyName: "King" },
        email: { address: NEW_ADDRESS, verification: NONE },
      },
      only(reply(4), {
        events: [
          renamed("al"),
          { type: "user.human.profile.changed", payload: { lastName: "King" } },
          emailChanged(),
        ],
        claims: claims("al"),
      }),
    ],
  ])("%s", (_row, change, expected) => {
    const scenario = givenUser(humanAdded());
    scenario.claims.set("username:ada", "user1");
    expect(told(scenario.when(updateUser(change)))).toEqual(expected);
  });
});

describe("refusals change nothing, whatever else was asked", () => {
  const { iamOwner, withoutGrants, reader } = CALLERS;
  const rename = { username: "lovelace" };

  test.each<[string, readonly UserEvent[], Parameters<typeof updateUser>[0], Caller, string]>([
    [
      "link template first",
      PASTS.unknown,
      { email: { address: "", verification: sendTo("{{") } },
      withoutGrants,
      ANSWERS.templateMalformed,
    ],
    ["unknown user", PASTS.unknown, { username: " " }, withoutGrants, ANSWERS.updateNotFound],
    ["deleted user", PASTS.deleted, { username: " " }, withoutGrants, ANSWERS.updateNotFound],
    ["no membership", PASTS.active, { username: " " }, withoutGrants, ANSWERS.noMembership],
    ["no permission", PASTS.active, { username: " " }, reader, ANSWERS.noPermission],
    ["username blank", PASTS.active, { username: " " }, iamOwner, ANSWERS.usernameEmpty],
    ["username taken", PASTS.active, { username: "BOB" }, iamOwner, ANSWERS.usernameTaken],
    [
      "given name blank",
      PASTS.active,
      { ...rename, profile: { givenName: " " } },
      iamOwner,
      ANSWERS.givenNameEmpty,
    ],
    [
      "family name blank",
      PASTS.active,
      { ...rename, profile: { familyName: "" } },
      iamOwner,
      ANSWERS.familyNameEmpty,
    ],
    [
      "initial user",
      PASTS.initial,
      { ...rename, email: { address: "", verification: SEND } },
      iamOwner,
      ANSWERS.notInitialised,
    ],
    [
      "address empty",
      PASTS.active,
      { ...rename, email: { address: "", verification: SEND } },
      iamOwner,
      ANSWERS.emailEmpty,
    ],
    [
      "address invalid",
      PASTS.active,
      { ...rename, email: { address: "a@b,c@d", verification: SEND } },
      iamOwner,
      ANSWERS.emailInvalid,
    ],
  ])("%s", (_row, past, change, caller, answer) => {
    const scenario = givenUser(...past);
    scenario.claims.set("username:bob", "user2");
    expect(told(scenario.when(updateUser(change), { caller }))).toEqual(only(answer));
  });
});
