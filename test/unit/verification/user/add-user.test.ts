/** Facts 2.6, first half: creating a user. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { UserCommand, Verification } from "../../../../src/verification/user/commands.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, ORG, OTHER_ORG, only, reply, told } from "../given.ts";
import {
  ADDRESS,
  LINK,
  NONE,
  PASTS,
  RETURN,
  SEND,
  VERIFIED,
  addUser,
  codeAdded,
  givenUser,
  humanAdded,
  mail,
  sendTo,
  verified,
} from "./user-data.ts";

const taken = [
  { action: "take", scope: "subject", value: "user1" },
  { action: "take", scope: "username", value: "ada" },
] as const;

const withEmail = (address: string, verification: Verification = SEND) =>
  addUser({ email: { address, verification } });

describe("the email oneof", () => {
  test.each<[string, Verification, UserEvent[], ReturnType<typeof mail>[], boolean?]>([
    ["nothing set: code and mail with the default link", SEND, [codeAdded(1)], [mail(1)]],
    [
      "send_code with a template",
      sendTo(LINK),
      [codeAdded(1, { url_template: LINK })],
      [mail(1, { urlTemplate: LINK })],
    ],
    ["return_code: code, no mail", RETURN, [codeAdded(1, { code_returned: true })], [], true],
    ["is_verified true: verified, no code", VERIFIED, [verified()], []],
    ["is_verified false: neither", NONE, [], []],
  ])("%s", (_row, verification, emailEvents, outbox, returnsCode = false) => {
    const scenario = givenUser();
    expect(told(scenario.when(withEmail(ADDRESS, verification)))).toEqual({
      ...only(reply(1 + emailEvents.length, { returnsCode }), { outbox, claims: taken }),
      events: [humanAdded(), ...emailEvents],
      organizationId: ORG,
    });
    expect(scenario.state.status).toBe("active");
  });
});

describe("what is left out", () => {
  const { username: _none, ...withoutUsername } = addUser();

  test.each<[string, UserCommand, object]>([
    [
      "the username is the address, and is claimed in lower case",
      { ...withoutUsername, email: { address: " Ada@Example.com ", verification: SEND } },
      { userName: "Ada@Example.com", email: "Ada@Example.com" },
    ],
    [
      "the display name is first and last name",
      addUser({ profile: { givenName: " Ada ", familyName: " Lovelace " } }),
      { firstName: "Ada", lastName: "Lovelace", displayName: "Ada Lovelace" },
    ],
    [
      "a blank display name counts as none",
      addUser({ profile: { givenName: "Ada", familyName: "L", displayName: "  " } }),
      { displayName: "Ada L" },
    ],
    [
      "the rest is kept as sent",
      addUser({
        username: " ada ",
        profile: {
          givenName: "A",
          familyName: "L",
          displayName: "Countess",
          nickName: "n",
          preferredLanguage: "en",
          gender: 1,
        },
      }),
      { userName: "ada", displayName: "Countess", nickName: "n", preferredLanguage: "en", gender: 1 },
    ],
  ])("%s", (_row, command, payload) => {
    const { events, claims } = givenUser().when(command);
    expect(events[0]).toMatchObject({ type: "user.human.added", payload });
    const { userName } = { userName: "ada", ...payload };
    expect(claims[1]).toEqual({ action: "take", scope: "username", value: userName.toLowerCase() });
  });
});

describe("refusals, in their order", () => {
  const { withoutGrants, reader, orgOwnerElsewhere, iamOwner } = CALLERS;
  const faulty = addUser({
    username: " ",
    profile: { givenName: " ", familyName: " " },
    email: { address: "", verification: sendTo("{{") },
  });

  test.each<[string, UserCommand, Caller, string]>([
    [
      "unknown organization",
      { ...faulty, organizationId: "nowhere" },
      withoutGrants,
      ANSWERS.organizationUnknown,
    ],
    ["no membership", faulty, withoutGrants, ANSWERS.noMembership],
    ["no permission", faulty, reader, ANSWERS.noPermission],
    ["permission elsewhere", faulty, orgOwnerElsewhere, ANSWERS.noPermissionHere],
    ["nobody adds oneself", faulty, CALLERS.self, ANSWERS.noMembership],
    ["link template", faulty, iamOwner, ANSWERS.templateMalformed],
    [
      "address empty",
      { ...faulty, email: { address: "", verification: SEND } },
      iamOwner,
      ANSWERS.emailEmpty,
    ],
    [
      "address invalid",
      { ...faulty, email: { address: "ada", verification: NONE } },
      iamOwner,
      ANSWERS.emailInvalid,
    ],
    [
      "address with a name",
      { ...faulty, email: { address: "A <a@b.c>", verification: SEND } },
      iamOwner,
      ANSWERS.emailNamed,
    ],
    ["username blank", { ...faulty, email: addUser().email }, iamOwner, ANSWERS.usernameEmpty],
    [
      "given name blank",
      { ...faulty, email: addUser().email, username: "x" },
      iamOwner,
      ANSWERS.givenNameEmpty,
    ],
    [
      "family name blank",
      addUser({ profile: { givenName: "A", familyName: " " } }),
      iamOwner,
      ANSWERS.familyNameEmpty,
    ],
    ["user exists", addUser(), iamOwner, ANSWERS.userExists],
  ])("%s", (_row, command, caller, answer) => {
    const scenario = givenUser(...PASTS.active);
    scenario.claims.set("username:ada", "somebody else");
    expect(told(scenario.when(command, { caller }))).toEqual(only(answer));
  });

  test.each<[string, readonly UserEvent[], string, string, string]>([
    ["the id of a deleted user is not given out again", PASTS.deleted, "none:none", "", ANSWERS.userExists],
    ["the id is a service account's", PASTS.unknown, "subject:user1", "user1", ANSWERS.userExists],
    ["the username is taken", PASTS.unknown, "username:ada", "user2", ANSWERS.usernameTaken],
  ])("%s", (_row, past, claim, holder, answer) => {
    const scenario = givenUser(...past);
    scenario.claims.set(claim, holder);
    expect(told(scenario.when(addUser({ username: "ADA" })))).toEqual(only(answer));
  });

  test("the owner is the organization asked for, not the caller's", () => {
    const scenario = givenUser();
    scenario.when(addUser({ organizationId: OTHER_ORG }), { caller: orgOwnerElsewhere });
    expect(scenario.state.organizationId).toBe(OTHER_ORG);
  });
});
