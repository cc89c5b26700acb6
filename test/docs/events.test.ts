/** docs/events.md against the service: its examples are run, its table is that of the code. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { EVENT_TYPES, shownPayload } from "../../src/rpc/event-payloads.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";

const run = promisify(execFile);
const PAGE = new URL("../../docs/events.md", import.meta.url);
const ENTRY = fileURLToPath(new URL("../support/serve-from-source.ts", import.meta.url));

let folder: string;
let page: string;
let application: TestApplication;

beforeAll(async () => {
  application = await startTestApplication();
  folder = await mkdtemp(join(tmpdir(), "countersign-docs-events-"));
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
  const script = `countersign() { "${process.execPath}" "${ENTRY}" "$@"; }\n${blocks.join("\necho\n")}`;
  const { stdout, stderr } = await run(
    "bash",
    [
      "--norc",
      "-euo",
      "pipefail",
      "-c",
      script.replaceAll("127.0.0.1:8080", `127.0.0.1:${application.port}`),
    ],
    {
      cwd: folder,
      env: { PATH: process.env["PATH"], COUNTERSIGN_LISTEN: `127.0.0.1:${application.port}` },
    },
  );
  expect(stderr).toBe("");
  const answers = JSON.parse(`[${stdout.trim().replaceAll(/}\s*\n{/g, "},\n{")}]`) as unknown[];
  expect(answers).toMatchObject([
    { userId: "ada" },
    { events: expect.arrayContaining([expect.objectContaining({ type: "user.human.email.code.added" })]) },
    { events: [{ type: "user.human.added", aggregate: { id: "ada" } }] },
    { events: [{ aggregate: { id: "ada" } }], nextPageToken: expect.any(String) },
    { position: "1" },
    { position: "2" },
    { position: "3" },
  ]);
}, 60_000);

test("the table has every type, and every field that is shown", () => {
  const rows = [...page.matchAll(/^\| `([a-z.]+\.[a-z.]+)` \| (.*?) \|/gm)].map(
    ([, type = "", fields = ""]) => ({
      type,
      fields: [...fields.matchAll(/`(\w+)`/g)].map(([, field = ""]) => field),
    }),
  );
  expect(rows.map(({ type }) => type).toSorted()).toEqual(EVENT_TYPES.toSorted());
  for (const { type, fields } of rows) {
    const everything = new Proxy({}, { get: (_target, field) => String(field) });
    expect([type, Object.keys(shownPayload(type, everything)).toSorted()]).toEqual([type, fields.toSorted()]);
  }
});
