/** Where an organization's links may lead: asked of templates that callers send, after their permission. */
import { describe, expect, test } from "@jest/globals";
import { DEFAULT_ORGANIZATION_SETTINGS } from "../../../../src/verification/organization-settings.ts";
import type { UserCommand } from "../../../../src/verification/user/commands.ts";
import { needs } from "../../../../src/verification/user/needs.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, ORG, OTHER_ORG, told } from "../given.ts";
import {
  addUser,
  codeAdded,
  givenUser,
  humanAdded,
  resendCode,
  sendCode,
  setEmail,
  updateUser,
} from "./user-data.ts";

const REFUSED = "invalid_argument: URL Template is invalid (DOMAIN-oGh5e)";
const url = (host: string) => `https://${host}/v?code={{.Code}}`;
const to = (host: string) => ({ kind: "send", urlTemplate: url(host) }) as const;

/** A user with a code, whose organization has link hosts. */
function given(linkHosts: readonly string[]) {
  const users = givenUser(humanAdded(), codeAdded(1));
  users.organizations.set(ORG, { ...DEFAULT_ORGANIZATION_SETTINGS, linkHosts });
  users.organizations.set(OTHER_ORG, { ...DEFAULT_ORGANIZATION_SETTINGS, linkHosts: ["other.example"] });
  return users;
}

const COMMANDS: readonly (readonly [type: string, (host: string) => UserCommand])[] = [
  ["email.sendCode", (host) => sendCode(to(host))],
  ["email.resendCode", (host) => resendCode(to(host))],
  ["email.set", (host) => setEmail("new@example.com", to(host))],
  ["user.update", (host) => updateUser({ email: { address: "new@example.com", verification: to(host) } })],
];

describe.each(COMMANDS)("%s", (_type, command) => {
  test.each<[hosts: readonly string[], host: string, allowed: boolean]>([
    [[], "anywhere.example", true],
    [["app.example"], "app.example", true],
    [["app.example"], "app.example:8443", true],
    [["app.example:8443"], "app.example", false],
    [["app.example"], "evil.example", false],
    [["app.example"], "app.example.evil.example", false],
    [["*.app.example"], "a.b.app.example", true],
    [["*.app.example"], "app.example", false],
    [["a.example", "b.example"], "b.example", true],
    [["app.example"], "other.example", false],
  ])("%j, to %s", (hosts, host, allowed) => {
    const { outcome } = told(given(hosts).when(command(host)));
    if (allowed) expect(outcome).toMatchObject({ details: {} });
    else expect(outcome).toBe(REFUSED);
  });

  test("does not widen what the operator allows", () => {
    const policy = { links: { allowedHosts: ["app.example"] } };
    expect(told(given(["elsewhere.example"]).when(command("elsewhere.example"), { policy })).outcome).toBe(
      REFUSED,
    );
    expect(told(given(["elsewhere.example"]).when(command("app.example"), { policy })).outcome).toBe(REFUSED);
  });

  test("comes after the permission", () => {
    const caller = CALLERS.orgOwnerElsewhere;
    expect(told(given(["app.example"]).when(command("evil.example"), { caller })).outcome).toBe(
      ANSWERS.noPermissionHere,
    );
  });

  test("tells whose list it was", () => {
    const { outcome } = given(["app.example"]).when(command("evil.example"));
    expect(outcome).toMatchObject({
      failure: {
        name: "URL_TEMPLATE_HOST_REFUSED_HERE",
        metadata: { scope: "organization", host: "evil.example" },
      },
    });
  });
});

test("a new user's organization counts, not the caller's", () => {
  const add = (organizationId: string) =>
    addUser({
      userId: "user9",
      username: "nine",
      organizationId,
      email: { address: "nine@example.com", verification: to("other.example") },
    });
  const users = given(["app.example"]);
  const fresh = () => Object.assign(givenUser(), { organizations: users.organizations });
  expect(told(fresh().when(add(ORG))).outcome).toBe(REFUSED);
  expect(told(fresh().when(add(OTHER_ORG))).outcome).toMatchObject({ details: {} });
});

test("the default link, codes that are returned and addresses that are vouched for are not asked", () => {
  for (const command of [
    sendCode(),
    sendCode({ kind: "return" }),
    setEmail("a@example.com", { kind: "verified" }),
    setEmail("b@example.com", { kind: "none" }),
  ]) {
    const users = given(["app.example"]);
    expect(told(users.when(command)).outcome).toMatchObject({ details: {} });
    const asked = needs(users.state, command, { nowMs: 0, caller: CALLERS.system, policy: {} as never });
    expect(asked.filter(({ kind }) => kind === "organization")).toEqual([]);
  }
});
