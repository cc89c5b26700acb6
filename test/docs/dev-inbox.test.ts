/** Runs the commands of docs/dev-inbox.md, in their order, against a first start. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestApplication, type TestApplication } from "../support/application.ts";

const run = promisify(execFile);
const PAGE = new URL("../../docs/dev-inbox.md", import.meta.url);

let folder: string;
let application: TestApplication;

beforeAll(async () => {
  application = await startTestApplication();
  folder = await mkdtemp(join(tmpdir(), "countersign-dev-inbox-"));
  await symlink(application.dataDir, join(folder, "data"));
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

async function execute(language: string, blocks: readonly string[]): Promise<string> {
  const script = blocks.join("\n").replaceAll("http://127.0.0.1:8080", application.url);
  const [command, args] =
    language === "sh"
      ? ["bash", ["-euo", "pipefail", "-c", script]]
      : [process.execPath, ["--input-type=module", "--eval", script]];
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const { stdout } = await run(command, args, { cwd: folder, env: { ...process.env, PATH } });
  return stdout;
}

test("the commands do what docs/dev-inbox.md says", async () => {
  const page = await readFile(PAGE, "utf8");
  const blocks = [...page.matchAll(/<!-- run -->\n```(sh|js)\n([^]*?)```/g)];
  const of = (language: string) => blocks.flatMap(([, its, block = ""]) => (its === language ? [block] : []));
  expect([of("sh").length, of("js").length]).toEqual([2, 1]);
  const output = await execute("sh", of("sh"));
  const mails = [...output.matchAll(/"mailId":"([^"]+)".*?"to":"([^"]+)".*?"code":"([^"]+)"/g)];
  expect(mails.map(([, , to]) => to)).toEqual(["test+1@example.com", "test+1@example.com"]);
  const [first, second] = mails;
  expect(second?.[1]).not.toBe(first?.[1]);
  const printed = await execute("js", of("js"));
  expect(printed.trim()).toMatch(
    new RegExp(`^${second?.[3]} http://127.0.0.1:\\d+/verify\\?code=${second?.[3]}&`),
  );
});
