/** Organizations: who makes them, what they are called, what they may have their own way. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../src/verification/caller.ts";
import {
  DEFAULT_ORGANIZATION_SETTINGS,
  type OrganizationSettings,
} from "../../../src/verification/organization-settings.ts";
import { organizationDecider, type OrganizationCommand } from "../../../src/verification/organization.ts";
import { ANSWERS } from "./answers.ts";
import { CALLERS, NOW, ORG, Scenario, only, told } from "./given.ts";
import { holding, OWNER_ELSEWHERE, withRoles } from "./role-callers.ts";

const add = (change: Partial<Extract<OrganizationCommand, { type: "organization.add" }>> = {}) =>
  ({ type: "organization.add", organizationId: ORG, name: "Acme", ...change }) as const;
const rename = (name = "Acme Ltd.") => ({ type: "organization.rename", organizationId: ORG, name }) as const;
const set = (settings: Partial<OrganizationSettings>) =>
  ({ type: "organization.set", organizationId: ORG, settings }) as const;

function given(): Scenario<
  (typeof organizationDecider)["initial"],
  OrganizationCommand,
  Parameters<(typeof organizationDecider)["evolve"]>[1],
  null
> {
  return new Scenario(organizationDecider, [{ type: "org.added", payload: { name: "Acme" } }]);
}

const caller = holding("IAM_OWNER");
const DENIED = { none: ANSWERS.noMembership, role: ANSWERS.noPermission, here: ANSWERS.noPermissionHere };
const EXISTS = "already_exists: Organisation already exists";
const UNKNOWN = "not_found: There is no such organisation";

describe("organization.add", () => {
  test("once, owned by itself", () => {
    const scenario = new Scenario(organizationDecider);
    expect(told(scenario.when(add({ name: "  Acme " }), { caller }))).toEqual({
      ...only(null, { events: [{ type: "org.added", payload: { name: "Acme" } }] }),
      organizationId: ORG,
    });
    expect(scenario.state).toEqual({
      sequence: 1,
      createdAtMs: NOW,
      changedAtMs: NOW,
      organizationId: ORG,
      name: "Acme",
      settings: DEFAULT_ORGANIZATION_SETTINGS,
    });
    expect(told(scenario.when(add(), { caller }))).toEqual(only(EXISTS));
  });

  test("with settings, of which only what differs is an event", () => {
    const scenario = new Scenario(organizationDecider);
    const settings = { senderName: " Acme ", notices: true, color: "#AABBCC" };
    expect(told(scenario.when(add({ settings }), { caller })).events).toEqual([
      { type: "org.added", payload: { name: "Acme" } },
      { type: "org.settings.changed", payload: { senderName: "Acme", color: "#aabbcc" } },
    ]);
    expect(scenario.state.settings).toEqual({
      ...DEFAULT_ORGANIZATION_SETTINGS,
      senderName: "Acme",
      color: "#aabbcc",
    });
  });

  test.each<[string, Caller, string | null]>([
    ["system", CALLERS.system, null],
    ["anonymous", CALLERS.anonymous, ANSWERS.noCredential],
    ["without roles", withRoles(), DENIED.none],
    ["IAM_OWNER", holding("IAM_OWNER"), null],
    ["IAM_ORG_MANAGER", holding("IAM_ORG_MANAGER"), null],
    ["IAM_OWNER_VIEWER", holding("IAM_OWNER_VIEWER"), DENIED.role],
    ["IAM_USER_MANAGER", holding("IAM_USER_MANAGER"), DENIED.role],
    ["ORG_OWNER", holding("ORG_OWNER"), DENIED.role],
    [
      "org.create for one organization",
      { ...withRoles(), grants: [{ permissions: ["org.create"], organizationId: ORG }] },
      DENIED.here,
    ],
  ])("by %s", (_row, by, outcome) => {
    expect(told(new Scenario(organizationDecider).when(add(), { caller: by })).outcome).toBe(outcome);
  });

  test("the sender's address is the operator's to set", () => {
    const settings = { senderAddress: "no-reply@acme.example" };
    const by = holding("IAM_ORG_MANAGER");
    expect(told(new Scenario(organizationDecider).when(add({ settings }), { caller: by }))).toEqual(
      only(DENIED.role),
    );
  });

  test.each(["", " ", "a b", "ä", "a/b", "../x", ".hidden", "-x", "a".repeat(201), "a\nb"])(
    "not under the id %j",
    (organizationId) => {
      const { outcome } = told(new Scenario(organizationDecider).when(add({ organizationId }), { caller }));
      expect(outcome).toMatch(/^invalid_argument: The organisation cannot be like this: organization_id /);
    },
  );

  test.each(["316204587999101956", "acme", "Acme-2_b.c", "a".repeat(200)])("under the id %j", (id) => {
    const command = add({ organizationId: id });
    expect(told(new Scenario(organizationDecider).when(command, { caller })).outcome).toBeNull();
  });

  test.each(["", "  ", "a".repeat(201), "a\nb", "a\u202Eb", "a\u0000"])("not under the name %j", (name) => {
    const { outcome } = told(new Scenario(organizationDecider).when(add({ name }), { caller }));
    expect(outcome).toMatch(/^invalid_argument: The organisation cannot be like this: name takes /);
  });
});

describe("organization.rename", () => {
  test("changes the name, and nothing where it is the same", () => {
    const scenario = given();
    expect(told(scenario.when(rename(" Acme Ltd. "), { caller }))).toEqual(
      only(null, { events: [{ type: "org.changed", payload: { name: "Acme Ltd." } }] }),
    );
    expect(scenario.state).toMatchObject({ sequence: 2, name: "Acme Ltd." });
    expect(told(scenario.when(rename("Acme Ltd."), { caller }))).toEqual(only(null));
  });

  test("an organization that is not there", () => {
    expect(told(new Scenario(organizationDecider).when(rename(), { caller }))).toEqual(only(UNKNOWN));
  });

  test("not to nothing", () => {
    expect(told(given().when(rename("  "), { caller })).outcome).toMatch(/^invalid_argument: .*: name takes/);
  });
});

describe.each([
  ["organization.rename", rename()],
  ["organization.set", set({ senderName: "Acme Mail" })],
])("%s", (_type, command) => {
  test.each<[string, Caller, string | null]>([
    ["system", CALLERS.system, null],
    ["anonymous", CALLERS.anonymous, ANSWERS.noCredential],
    ["without roles", withRoles(), DENIED.none],
    ["IAM_OWNER", holding("IAM_OWNER"), null],
    ["IAM_ORG_MANAGER", holding("IAM_ORG_MANAGER"), null],
    ["IAM_OWNER_VIEWER", holding("IAM_OWNER_VIEWER"), DENIED.role],
    ["IAM_USER_MANAGER", holding("IAM_USER_MANAGER"), DENIED.role],
    ["ORG_OWNER here", holding("ORG_OWNER"), null],
    ["ORG_OWNER elsewhere", OWNER_ELSEWHERE, DENIED.here],
    ["ORG_OWNER_VIEWER", holding("ORG_OWNER_VIEWER"), DENIED.role],
    ["ORG_USER_MANAGER", holding("ORG_USER_MANAGER"), DENIED.role],
  ])("by %s", (_row, by, outcome) => {
    expect(told(given().when(command, { caller: by })).outcome).toBe(outcome);
  });
});

describe("organization.set", () => {
  test("changes what differs, in its canonical spelling, and keeps the rest", () => {
    const scenario = given();
    const first = { linkHosts: ["APP.Example.com", "app.example.com", "münchen.example"], notices: false };
    expect(told(scenario.when(set(first), { caller }))).toEqual(
      only(null, {
        events: [
          {
            type: "org.settings.changed",
            payload: { linkHosts: ["app.example.com", "xn--mnchen-3ya.example"], notices: false },
          },
        ],
      }),
    );
    expect(told(scenario.when(set({ ...first, displayName: " ACME " }), { caller })).events).toEqual([
      { type: "org.settings.changed", payload: { displayName: "ACME" } },
    ]);
    expect(told(scenario.when(set(first), { caller }))).toEqual(only(null));
    expect(scenario.state.settings).toEqual({
      ...DEFAULT_ORGANIZATION_SETTINGS,
      linkHosts: ["app.example.com", "xn--mnchen-3ya.example"],
      notices: false,
      displayName: "ACME",
    });
    scenario.when(set({ linkHosts: [] }), { caller });
    expect(scenario.state.settings.linkHosts).toEqual([]);
  });

  test("an organization that is not there", () => {
    expect(told(new Scenario(organizationDecider).when(set({}), { caller }))).toEqual(only(UNKNOWN));
  });

  test.each<[string, Partial<OrganizationSettings>, Caller, string | null]>([
    ["an owner", { senderAddress: "ceo@bank.example" }, holding("ORG_OWNER"), DENIED.role],
    ["an owner", { templateFolder: "other" }, holding("ORG_OWNER"), DENIED.role],
    ["an owner, what is so already", { templateFolder: "", senderAddress: "" }, holding("ORG_OWNER"), null],
    ["IAM_ORG_MANAGER", { senderAddress: "ceo@bank.example" }, holding("IAM_ORG_MANAGER"), DENIED.role],
    ["IAM_OWNER", { senderAddress: "a@acme.example", templateFolder: "acme" }, holding("IAM_OWNER"), null],
  ])("the operator's settings, by %s: %j", (_row, settings, by, outcome) => {
    expect(told(given().when(set(settings), { caller: by })).outcome).toBe(outcome);
  });

  test.each<[keyof OrganizationSettings, readonly unknown[], readonly unknown[]]>([
    [
      "linkHosts",
      [["*.example.com"], ["[::1]:8080"], ["localhost:3000"], ["myapp:"], Array(50).fill("a.example")],
      [["https://a.example"], ["a.example/x"], ["a b"], [""], ["*"], ["javascript:"], ["a@b.example"]],
    ],
    ["senderName", ["", "Ünïcode & Co."], ["a\r\nBcc: x@y.example", "a".repeat(201), "a\u2066b"]],
    [
      "senderAddress",
      ["", "no-reply@example.com"],
      ["Acme <a@b.example>", "a@b.example, c@d.example", "a", "a@b.example\r\nBcc: c@d.example"],
    ],
    ["templateFolder", ["", "acme", "a.b-c_d"], ["..", "a/b", ".a", "a b", "a\\b"]],
    ["displayName", ["", "Acme"], ["a\nb", "a".repeat(201)]],
    [
      "logoUrl",
      ["", "https://example.com/logo.png?v=2"],
      [
        "http://example.com/logo.png",
        "javascript:alert(1)",
        "data:image/png;base64,AA",
        "//example.com/x",
        "https://user:pass@example.com/x",
        "https:///x",
        'https://example.com/"onload=',
        `https://example.com/${"a".repeat(2_000)}`,
      ],
    ],
    ["color", ["", "#1f5fd0", "#ABCDEF"], ["red", "#fff", "1f5fd0", "#12345g", "url(x)"]],
  ])("%s takes some values and refuses others", (name, good, bad) => {
    const outcomeOf = (value: unknown) =>
      told(given().when(set({ [name]: value }), { caller: holding("IAM_OWNER") })).outcome;
    for (const value of good) expect([value, outcomeOf(value)]).toEqual([value, null]);
    for (const value of bad) {
      expect([value, outcomeOf(value)]).toEqual([
        value,
        expect.stringMatching(/^invalid_argument: The organ/),
      ]);
    }
  });

  test("at most 50 hosts", () => {
    const linkHosts = Array.from({ length: 51 }, (_, index) => `h${index}.example`);
    expect(told(given().when(set({ linkHosts }), { caller })).outcome).toMatch(/link_hosts takes at most 50/);
  });
});
