/** docs/cli.md against the command: its examples are run, its tables are those of the code. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as exitCodes from "../../src/cli/exit-codes.ts";
import { COLUMNS } from "../../src/cli/import/columns.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";

const run = promisify(execFile);
const PAGE = new URL("../../docs/cli.md", import.meta.url);
const ENTRY = fileURLToPath(new URL("../support/serve-from-source.ts", import.meta.url));

let folder: string;
let page: string;
let application: TestApplication;

beforeAll(async () => {
  application = await startTestApplication();
  folder = await mkdtemp(join(tmpdir(), "countersign-docs-cli-"));
  page = await readFile(PAGE, "utf8");
  await symlink(application.dataDir, join(folder, "data"));
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

test("the examples do what the page says", async () => {
  const blocks = [...page.matchAll(/<!-- run -->\n```sh\n([^]*?)```/g)].map(([, block]) => block);
  expect(blocks).toHaveLength(3);
  const script = `countersign() { "${process.execPath}" "${ENTRY}" "$@"; }\n${blocks.join("\n")}`;
  const { stdout, stderr } = await run("bash", ["--norc", "-euo", "pipefail", "-c", script], {
    cwd: folder,
    env: { PATH: process.env["PATH"], COUNTERSIGN_LISTEN: `127.0.0.1:${application.port}` },
  });
  expect(stderr).toBe("");
  const answers = JSON.parse(`[${stdout.replaceAll("}\n{", "},\n{")}]`) as unknown[];
  expect(answers).toMatchObject([
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
  expect(page).toContain(`| Column | |\n|---|---|\n${rows.join("\n")}\n`);
});

test("the exit codes are those of the commands", () => {
  const { SIGNAL_EXIT_CODES, ...others } = exitCodes;
  const codes = [...Object.values(others), ...Object.values(SIGNAL_EXIT_CODES)];
  const table = /\| Code \| \|\n\|---\|---\|\n([^]*?)\n\n/.exec(page)?.[1] ?? "";
  const told = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell = ""]) =>
    cell.split(", ").map(Number),
  );
  expect(told).toEqual(codes.toSorted((a, b) => a - b));
});
