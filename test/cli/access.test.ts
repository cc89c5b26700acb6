// `countersign org`, `account` and `token`, run as commands against a service: from an organization to a token that works,
// and to its end.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { runCommand, type CommandResult } from "../support/command.ts";

jest.setTimeout(120_000);

let application: TestApplication;
let folder: string;
beforeAll(async () => {
  application = await startTestApplication();
  folder = await mkdtemp(join(tmpdir(), "countersign-cli-"));
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

function run(...args: string[]): Promise<CommandResult> {
  return runCommand([...args, "--url", application.url, "--data-dir", application.dataDir]);
}

/** As somebody else than the admin. */
async function runAs(token: string, ...args: string[]): Promise<CommandResult> {
  const file = join(folder, "token");
  await writeFile(file, `${token}\n`, { mode: 0o600 });
  return runCommand([...args, "--url", application.url, "--token-file", file]);
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(...args, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What people see, without times and ids that are made. */
async function seen(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args, "--no-json");
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, "TIME")
    .replaceAll(/\b\d{18}\b/g, "ID")
    .replaceAll(/ +(?=\n)/g, "");
}

test("an organization is made, shown, renamed, set and listed", async () => {
  expect(await seen("org", "create", "Acme", "--organization-id", "acme", "--sender-name", "Acme Mail")).toBe(
    [
      "organization id  acme",
      "name             Acme",
      "sender name      Acme Mail",
      "notices          on",
      "created          TIME",
      "changed          TIME",
      "",
    ].join("\n"),
  );
  expect(await seen("org", "rename", "acme", "Acme Ltd.")).toContain("name             Acme Ltd.\n");
  const settings = ["--link-host", "app.example.com", "--link-host", "*.acme.example", "--notices", "off"];
  expect(await seen("org", "set", "acme", ...settings, "--sender-name", "")).toBe(
    [
      "organization id  acme",
      "name             Acme Ltd.",
      "link hosts       app.example.com, *.acme.example",
      "notices          off",
      "created          TIME",
      "changed          TIME",
      "",
    ].join("\n"),
  );
  expect(await json("org", "set", "acme", "--link-host", "")).toMatchObject({
    settings: { notices: false },
  });
  expect(await seen("org", "show", "acme")).not.toContain("link hosts");
  expect(await seen("org", "list", "--name", "ACME")).toBe(
    "ORGANIZATION  CREATED  NAME\nacme          TIME  Acme Ltd.\n".replace(
      "CREATED  NAME",
      "CREATED                  NAME",
    ),
  );
  expect(await json("org", "list")).toMatchObject({ organizations: [{}, { organizationId: "acme" }] });
});

test("an account, its roles and its tokens", async () => {
  await run("org", "create", "Beta", "--organization-id", "beta");
  const shown = [
    "account id    ID",
    "username      billing",
    "state         active",
    "organization  beta",
    "roles         ORG_USER_MANAGER:beta",
    "created       TIME",
    "changed       TIME",
    "",
  ].join("\n");
  expect(
    await seen("account", "create", "billing", "--organization", "beta", "--role", "ORG_USER_MANAGER"),
  ).toBe(shown);
  expect(await seen("account", "show", "BILLING")).toBe(shown);
  const { serviceAccountId: id } = await json("account", "show", "billing");

  expect(await seen("token", "create", "billing", "--expires", "90d")).toMatch(
    /^token {5}cs_[\w-]{43}\ntoken id {2}ID\naccount {3}ID\nexpires {3}TIME\n$/,
  );
  const { stdout } = await run("token", "create", String(id), "--token-only");
  expect(stdout).toMatch(/^cs_[\w-]{43}\n$/);
  const token = stdout.trim();
  expect((await runAs(token, "account", "list")).code).toBe(0);

  const { tokens } = (await json("token", "list", "--account", "billing")) as {
    tokens: { tokenId: string; lastUseTime?: string; expireTime?: string }[];
  };
  expect(tokens).toHaveLength(2);
  const used = tokens.find(({ lastUseTime }) => lastUseTime !== undefined);
  expect(used).toMatchObject({ serviceAccountId: id, organizationId: "beta" });
  const table = await seen("token", "list", "--organization", "beta");
  expect(table).toMatch(/^TOKEN {2,}ACCOUNT {2,}STATE {2,}CREATED {2,}EXPIRES {2,}LAST USED\n/);
  expect(table).toMatch(/^ID +ID +valid +TIME +TIME +never$/m);
  expect(table).toMatch(/^ID +ID +valid +TIME +never +TIME$/m);

  expect(await run("token", "revoke", used?.tokenId ?? "", "--no-json")).toMatchObject({
    code: 0,
    stdout: `revoked ${used?.tokenId}\n`,
  });
  expect(await runAs(token, "account", "list")).toMatchObject({
    code: 6,
    stderr: expect.stringContaining("refuses the token"),
  });
  expect(await seen("token", "list", "--organization", "beta")).toMatch(/^ID +ID +revoked/m);

  expect(
    await seen(
      "account",
      "set-roles",
      "billing",
      "--role",
      "ORG_OWNER_VIEWER:acme",
      "--role",
      "IAM_OWNER_VIEWER",
    ),
  ).toContain("roles         ORG_OWNER_VIEWER:acme, IAM_OWNER_VIEWER\n");
  expect(await seen("account", "set-roles", "billing", "--none")).toContain("roles         none\n");
  expect(await seen("account", "deactivate", "billing")).toContain("state         inactive\n");
  expect(await seen("account", "reactivate", "billing")).toContain("state         active\n");
  expect(await seen("account", "list", "--organization", "beta")).toMatch(
    /^ACCOUNT {2,}USERNAME {2}STATE {3}ORGANIZATION {2}ROLES\nID {2}billing {3}active {2}beta\n$/,
  );
  expect(await seen("account", "delete", "billing")).toBe("deleted ID\n");
  expect(await run("account", "show", "billing")).toMatchObject({ code: 4 });
});

test("the last owner of an organization stays, but for --force", async () => {
  await run("org", "create", "Gamma", "--organization-id", "gamma");
  await run("account", "create", "gamma-owner", "--organization", "gamma", "--role", "ORG_OWNER");
  for (const args of [["deactivate"], ["set-roles", "--none"], ["delete"]]) {
    const [command = "", ...flags] = args;
    const refused = await run("account", command, "gamma-owner", ...flags);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/last active one .* set force/) });
  }
  expect(await run("account", "deactivate", "gamma-owner", "--force")).toMatchObject({ code: 0 });
  expect(await run("account", "reactivate", "gamma-owner")).toMatchObject({ code: 0 });
  expect(await run("account", "set-roles", "gamma-owner", "--none", "--force")).toMatchObject({ code: 0 });
  expect(await run("account", "set-roles", "gamma-owner", "--role", "ORG_OWNER")).toMatchObject({ code: 0 });
  expect(await run("account", "delete", "gamma-owner", "--force")).toMatchObject({ code: 0 });
});

test("nobody gives more than they have", async () => {
  await run("account", "create", "owner", "--role", "ORG_OWNER");
  const owner = (await run("token", "create", "owner", "--token-only")).stdout.trim();
  expect(await runAs(owner, "account", "create", "helper", "--role", "ORG_USER_MANAGER")).toMatchObject({
    code: 0,
  });
  expect(await runAs(owner, "account", "create", "king", "--role", "IAM_OWNER")).toMatchObject({
    code: 6,
    stdout: "",
    stderr: expect.stringMatching(/^countersign: not allowed: No matching permissions found \(AUTH-AWfge\)/),
  });
  expect(await runAs(owner, "token", "create", "countersign-admin")).toMatchObject({
    code: 6,
    stderr: expect.stringContaining("The roles allow more than the caller may do"),
  });
  expect(await runAs(owner, "org", "create", "Mine")).toMatchObject({ code: 6 });
});

test.each<[args: string[], code: number, stderr: RegExp]>([
  [["org", "show", "nowhere"], 4, /There is no such organisation/],
  [["org", "set", "acme"], 2, /at least one setting/],
  [["org", "set", "acme", "--notices", "maybe"], 2, /Allowed choices are on, off/],
  [["org", "set", "acme", "--color", "red"], 1, /color: takes a colour such as #1f5fd0/],
  [["org", "create", "Acme", "--organization-id", "acme"], 1, /already exists/],
  [["account", "create", "x", "--role", "owner"], 2, /It has to be a role/],
  [["account", "create", "x", "--role", "ORG_KING"], 1, /roles\[0\].role: there is no such role/],
  [["account", "set-roles", "countersign-admin"], 2, /--none/],
  [["account", "delete", "countersign-admin"], 1, /cannot change its own roles, or end itself/],
  [["token", "create", "nobody"], 4, /no service account with that id or username/],
  [["token", "create", "countersign-admin", "--expires", "soon"], 2, /12h or 90d/],
  [["token", "create", "countersign-admin", "--expires", "2020-01-01"], 1, /takes a time in the future/],
  [["token", "revoke", "nothing"], 4, /There is no such access token/],
  [["token", "revoke", "cs_secret"], 1, /that is a token, not a token's id/],
])("%j ends with %d", async (args, code, stderr) => {
  const result = await run(...args);
  expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(stderr) });
  expect(result.stderr).not.toContain("cs_secret");
});
