/** Runs the commands of docs/access.md, in their order, and holds its table of roles against the code. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isOfOrganization, ROLE_PERMISSIONS } from "../../src/verification/roles.ts";
import { openDocumentedPage, type DocumentedPage } from "../support/documented-page.ts";

jest.setTimeout(60_000);

let page: DocumentedPage;

beforeAll(async () => {
  page = await openDocumentedPage("access.md");
});
afterAll(() => page.close());

test("the commands do what docs/access.md says", async () => {
  expect(page.examples).toHaveLength(4);
  const stdout = await page.runExamples();
  expect(await readFile(join(page.folder, "acme.token"), "utf8")).toMatch(/^cs_[\w-]{43}\n$/);
  expect(stdout).toMatch(/"serviceAccount":\{"serviceAccountId":"acme-reports"/);
  expect(stdout).toMatch(
    /\{"token":"cs_[\w-]{43}","accessToken":\{.*"expireTime":"2090-01-01T00:00:00Z"\}\}/,
  );
  expect(stdout).toMatch(/"revoked": true/);
  expect(stdout).toMatch(/"senderName": "Acme Accounts"/);
});

test("the table of roles is that of the code", async () => {
  const rows = [...page.text.matchAll(/^\| `((?:IAM|ORG)_\w+)` \| (.*) \| (.*) \|$/gm)];
  const documented = rows.map(([, role, permissions = "", scope]) => [
    role,
    permissions.split(", ").toSorted(),
    scope,
  ]);
  const known = Object.entries(ROLE_PERMISSIONS).map(([role, permissions]) => [
    role,
    permissions.map((permission) => `\`${permission}\``).toSorted(),
    isOfOrganization(role) ? "one" : "all organizations",
  ]);
  expect(documented).toEqual(known);
});
