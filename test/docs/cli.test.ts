/** docs/cli.md against the command: its examples are run, its tables are those of the code. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as exitCodes from "../../src/cli/exit-codes.ts";
import { COLUMNS } from "../../src/cli/import/columns.ts";
import { jsonObjects, openDocumentedPage, type DocumentedPage } from "../support/documented-page.ts";

let page: DocumentedPage;

beforeAll(async () => {
  page = await openDocumentedPage("cli.md");
});
afterAll(() => page.close());

test("the examples do what the page says", async () => {
  expect(page.examples).toHaveLength(3);
  expect(jsonObjects(await page.runExamples())).toMatchObject([
    { userId: "ada" },
    { deliveries: [{ recipient: "ada@example.com" }] },
    { recipient: "ada@example.com", timeline: expect.anything() },
    { recipient: "postmaster@example.com", state: "DELIVERY_STATE_SENT" },
    { added: 2, rejected: 0, dryRun: true },
    { added: 2, rejected: 0, dryRun: false },
    { added: 1, rejected: 0, finished: true },
  ]);
}, 60_000);

test("the columns are those of the importer", () => {
  const rows = Object.entries(COLUMNS).map(
    ([name, { help, ...more }]) => `| \`${name}\` | ${help}${"isRequired" in more ? "; required" : ""} |`,
  );
  expect(page.text).toContain(`| Column | |\n|---|---|\n${rows.join("\n")}\n`);
});

test("the exit codes are those of the commands", () => {
  const { SIGNAL_EXIT_CODES, ...others } = exitCodes;
  const codes = [...Object.values(others), ...Object.values(SIGNAL_EXIT_CODES)];
  const table = /\| Code \| \|\n\|---\|---\|\n([^]*?)\n\n/.exec(page.text)?.[1] ?? "";
  const told = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell = ""]) =>
    cell.split(", ").map(Number),
  );
  expect(told).toEqual(codes.toSorted((a, b) => a - b));
});
