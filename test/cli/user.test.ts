// `countersign user add` and `user show`, run as commands against a service.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { runCommand, type CommandResult } from "../support/command.ts";

jest.setTimeout(60_000);

let application: TestApplication;
beforeAll(async () => {
  application = await startTestApplication();
});
afterAll(() => application.stop());

function user(...args: string[]): Promise<CommandResult> {
  return runCommand(["user", ...args, "--url", application.url, "--data-dir", application.dataDir]);
}

const names = ["--given-name", "Ada", "--family-name", "Lovelace"];

test("a user is added, and shown by id and by address", async () => {
  const added = await user(
    "add",
    "--email",
    "Ada@example.org",
    ...names,
    "--user-id",
    "ada",
    "--verified",
    "--language",
    "de",
    "--no-json",
  );
  expect(added).toMatchObject({
    code: 0,
    stderr: "",
    stdout: `user id       ada\norganization  ${application.organizationId}\n`,
  });
  const shown = await user("show", "ada", "--no-json");
  expect(shown.stdout.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, "TIME")).toBe(
    [
      "user id       ada",
      "state         active",
      "name          Ada Lovelace",
      "display name  Ada Lovelace",
      "username      Ada@example.org",
      "address       Ada@example.org (verified)",
      "language      de",
      `organization  ${application.organizationId}`,
      "changed       TIME",
      "",
    ].join("\n"),
  );
  for (const spelling of ["Ada@example.org", "ADA@EXAMPLE.ORG"]) {
    expect((await user("show", spelling, "--no-json")).stdout).toBe(shown.stdout);
  }
});

test("where stdout is no terminal the answer is JSON, with the API's names", async () => {
  const added = await user("add", "--email", "grace@example.org", ...names, "--return-code");
  const { userId, emailCode } = JSON.parse(added.stdout) as Record<string, string>;
  expect(emailCode).toMatch(/^[A-Z2-9]{6}$/);
  const shown = await user("show", String(userId));
  expect(JSON.parse(shown.stdout)).toMatchObject({
    userId,
    state: "USER_STATE_ACTIVE",
    human: { email: { email: "grace@example.org" }, profile: { givenName: "Ada" } },
  });
});

test.each<[string, string[], number, string]>([
  [
    "a username that is taken",
    ["--email", "taken@example.org"],
    1,
    "countersign: User already exists (V3-DKcYh). Choose another --username; without one it is the address.\n",
  ],
  [
    "an address that is none",
    ["--email", "ada"],
    1,
    "countersign: email.email: value must be a valid email address (missing '@' or angle-addr)\n",
  ],
  [
    "an organization that is not there",
    ["--email", "b@example.org", "--organization", "none"],
    6,
    "Check the id after --organization.\n",
  ],
  [
    "two ways to verify",
    ["--email", "c@example.org", "--verified", "--send-code"],
    2,
    "cannot be used with option '--send-code'",
  ],
])("%s is refused in one line", async (_, args, code, message) => {
  await user("add", "--email", "taken@example.org", ...names);
  const result = await user("add", ...args, ...names);
  expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
});

test("an address that several users have is not guessed about", async () => {
  for (const id of ["twin-1", "twin-2"]) {
    await user("add", "--email", "twin@example.org", "--username", id, "--user-id", id, ...names);
  }
  const result = await user("show", "twin@example.org");
  expect(result).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^countersign: 2 users have the address: twin-\d, twin-\d; show one by its id\n$/,
    ),
  });
});

test("nobody's id ends with 4", async () => {
  for (const which of ["nobody", "nobody@example.org"]) {
    expect(await user("show", which)).toMatchObject({
      code: 4,
      stderr: "countersign: there is no user with that id or address\n",
    });
  }
});
