/** When an old address is told of a new one, and what it is told. */
import { describe, expect, test } from "@jest/globals";
import type { Facts } from "../../../../src/verification/decider.ts";
import { suppressionText } from "../../../../src/verification/suppression.ts";
import { DEFAULT_ORGANIZATION_SETTINGS } from "../../../../src/verification/organization-settings.ts";
import type { UserCommand, Verification } from "../../../../src/verification/user/commands.ts";
import { NOTICE_LIFE_MS } from "../../../../src/verification/user/address-notice.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { CALLERS, NOW, ORG, POLICY, type Setting } from "../given.ts";
import {
  ADDRESS,
  NEW_ADDRESS,
  NONE,
  RETURN,
  SEND,
  USER,
  VERIFIED,
  addUser,
  codeAdded,
  emailChanged,
  givenUser,
  humanAdded,
  mail,
  sendCode,
  setEmail,
  updateUser,
  verified,
  verify,
} from "./user-data.ts";

const ON: Setting = { policy: { addressChangeNotice: true } };
const KNOWN = [humanAdded(), verified()];
const NOTICE = {
  kind: "notice",
  deliveryId: "notice",
  codeId: "",
  userId: USER,
  organizationId: ORG,
  recipient: ADDRESS,
  urlTemplate: "",
  sealedCode: "",
  acceptLanguage: "",
  expiresAtMs: NOW + NOTICE_LIFE_MS,
  newAddress: "a***@new.example",
};
const CODE = mail(1, { recipient: NEW_ADDRESS });

const update = (address: string, verification: Verification) =>
  updateUser({ username: "other", profile: { preferredLanguage: "zh" }, email: { address, verification } });

describe.each([
  ["SetEmail", setEmail],
  ["UpdateUser", update],
])("%s", (_name, change) => {
  test.each<[string, Verification, unknown[]]>([
    ["send", SEND, [CODE, NOTICE]],
    ["return", RETURN, [NOTICE]],
    ["verified", VERIFIED, [NOTICE]],
    ["none", NONE, [NOTICE]],
  ])("%s: the old address is told", (_row, verification, outbox) => {
    const { outcome, outbox: queued } = givenUser(...KNOWN).when(change(NEW_ADDRESS, verification), ON);
    expect(outcome.ok).toBe(true);
    expect(queued).toEqual(outbox);
  });

  test.each([
    ["the user itself", CALLERS.self],
    ["an administrator", CALLERS.orgOwner],
    ["Countersign", CALLERS.system],
  ])("whoever changes it: %s", (_row, caller) => {
    expect(givenUser(...KNOWN).when(change(NEW_ADDRESS, SEND), { ...ON, caller }).outbox).toEqual([
      CODE,
      NOTICE,
    ]);
  });

  test.each<[string, UserEvent[], UserCommand, Setting]>([
    ["off, as by default", KNOWN, change(NEW_ADDRESS, NONE), {}],
    ["off, said so", KNOWN, change(NEW_ADDRESS, NONE), { policy: { addressChangeNotice: false } }],
    ["the old address never verified", [humanAdded()], change(NEW_ADDRESS, NONE), ON],
    [
      "the old address not verified since it was set",
      [...KNOWN, emailChanged("second@example.com")],
      change(NEW_ADDRESS, NONE),
      ON,
    ],
    ["refused: not an address", KNOWN, change("no address", NONE), ON],
    ["refused: no permission", KNOWN, change(NEW_ADDRESS, RETURN), { ...ON, caller: CALLERS.self }],
  ])("nobody is told: %s", (_row, past, command, setting) => {
    expect(givenUser(...past).when(command, setting).outbox).toEqual([]);
  });

  test("another case alone is told too: nobody has verified that spelling, so the next change would tell nobody", () => {
    const { outbox } = givenUser(...KNOWN).when(change(ADDRESS.toUpperCase(), NONE), ON);
    expect(outbox).toMatchObject([{ kind: "notice", recipient: ADDRESS }]);
  });

  test("an old address that takes no mail is not told, and the change goes on", () => {
    const scenario = givenUser(...KNOWN);
    scenario.suppressions.add(suppressionText({ organizationId: ORG, address: ADDRESS }));
    const { outcome, outbox } = scenario.when(change(NEW_ADDRESS, NONE), ON);
    expect([outcome.ok, outbox]).toEqual([true, []]);
  });

  test("nobody is told in an organization that wants none, and the change goes on", () => {
    const scenario = givenUser(...KNOWN);
    scenario.organizations.set(ORG, { ...DEFAULT_ORGANIZATION_SETTINGS, notices: false });
    const { outcome, outbox } = scenario.when(change(NEW_ADDRESS, VERIFIED), ON);
    expect([outcome.ok, outbox]).toEqual([true, []]);
    scenario.organizations.set(ORG, { ...DEFAULT_ORGANIZATION_SETTINGS, notices: true });
    expect(scenario.when(change(ADDRESS, NONE), ON).outbox).toMatchObject([{ recipient: NEW_ADDRESS }]);
  });

  test("the person's language before the change counts, then the request's", () => {
    const past = [humanAdded({ preferredLanguage: "de-AT" }), verified()];
    const { outbox } = givenUser(...past).when(change(NEW_ADDRESS, NONE), {
      ...ON,
      acceptLanguage: "fr,en;q=0.5",
    });
    expect(outbox).toMatchObject([{ acceptLanguage: "de-AT,fr,en;q=0.5" }]);
  });

  test("a language that somebody made long is cut", () => {
    const past = [humanAdded({ preferredLanguage: "x".repeat(500) }), verified()];
    const { outbox } = givenUser(...past).when(change(NEW_ADDRESS, NONE), ON);
    expect(outbox[0]?.acceptLanguage).toHaveLength(200);
  });
});

test.each<[string, UserCommand, Setting?]>([
  ["UpdateUser without an address", updateUser({ username: "other" })],
  ["UpdateUser with the address that is set", update(ADDRESS, VERIFIED)],
  ["SetEmail with the address that is set", setEmail(ADDRESS, VERIFIED)],
  ["a code for the address that is set", sendCode(RETURN)],
  ["a submitted code", verify("CODE1")],
  ["a deletion", { type: "user.delete", userId: USER }],
])("nobody is told by %s", (_row, command) => {
  expect(givenUser(humanAdded(), codeAdded(1), verified()).when(command, ON).outbox).toEqual([]);
});

test("nobody is told when a user is added", () => {
  expect(
    givenUser().when(addUser({ email: { address: ADDRESS, verification: VERIFIED } }), ON).outbox,
  ).toEqual([]);
});

test("each of two changes tells whom it takes the place of, if that one was verified", () => {
  const scenario = givenUser(...KNOWN);
  expect(scenario.when(setEmail(NEW_ADDRESS, VERIFIED), ON).outbox).toEqual([NOTICE]);
  expect(scenario.when(setEmail("third@example.com", NONE), ON).outbox).toEqual([
    { ...NOTICE, recipient: NEW_ADDRESS, newAddress: "t***@example.com" },
  ]);
  expect(scenario.when(setEmail("fourth@example.com", NONE), ON).outbox).toEqual([]);
});

const noFacts = { suppressions: new Set<string>(), organizations: new Map() } as unknown as Facts;

test("a command without what a notice needs is a mistake of the program, not a silence", () => {
  const { decider, state } = givenUser(...KNOWN);
  const env = { nowMs: NOW, caller: CALLERS.system, policy: { ...POLICY, addressChangeNotice: true } };
  expect(() => decider.decide(state, noFacts, setEmail(NEW_ADDRESS, NONE), env)).toThrow(TypeError);
});
