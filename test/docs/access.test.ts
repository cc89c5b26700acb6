/** Runs the commands of docs/access.md, in their order, and holds its table of roles against the code. */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isOfOrganization, ROLE_PERMISSIONS } from "../../src/verification/roles.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";

jest.setTimeout(60_000);

const run = promisify(execFile);
const PAGE = new URL("../../docs/access.md", import.meta.url);
const ENTRY = fileURLToPath(new URL("../support/serve-from-source.ts", import.meta.url));

let folder: string;
let application: TestApplication;

beforeAll(async () => {
  application = await startTestApplication();
  folder = await mkdtemp(join(tmpdir(), "countersign-access-"));
  await symlink(application.dataDir, join(folder, "data"));
  const command = join(folder, "countersign");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${ENTRY}" "$@"\n`);
  await chmod(command, 0o755);
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

test("the commands do what docs/access.md says", async () => {
  const page = await readFile(PAGE, "utf8");
  const blocks = [...page.matchAll(/<!-- run -->\n```sh\n([^]*?)```/g)].map(([, block = ""]) => block);
  expect(blocks).toHaveLength(4);
  const script = blocks.join("\n").replaceAll("http://127.0.0.1:8080", application.url);
  const PATH = [folder, dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const { stdout, stderr } = await run("bash", ["--norc", "-euo", "pipefail", "-c", script], {
    cwd: folder,
    env: { PATH, COUNTERSIGN_URL: application.url },
  });
  expect(stderr).toBe("");
  expect(await readFile(join(folder, "acme.token"), "utf8")).toMatch(/^cs_[\w-]{43}\n$/);
  expect(stdout).toMatch(/"serviceAccount":\{"serviceAccountId":"acme-reports"/);
  expect(stdout).toMatch(
    /\{"token":"cs_[\w-]{43}","accessToken":\{.*"expireTime":"2090-01-01T00:00:00Z"\}\}/,
  );
  expect(stdout).toMatch(/"revoked": true/);
  expect(stdout).toMatch(/"senderName": "Acme Accounts"/);
});

test("the table of roles is that of the code", async () => {
  const page = await readFile(PAGE, "utf8");
  const rows = [...page.matchAll(/^\| `((?:IAM|ORG)_\w+)` \| (.*) \| (.*) \|$/gm)];
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
