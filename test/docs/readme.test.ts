/** Runs README.md as a newcomer would paste it, against a first start. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startApplication, type Application } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { createLogger } from "../../src/observability/logger.ts";

const run = promisify(execFile);
const ROOT = new URL("../../", import.meta.url).pathname;

let folder: string;
let application: Application;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-readme-"));
  // A checkout, as far as the commands look at it.
  for (const name of ["node_modules", "examples"]) await symlink(join(ROOT, name), join(folder, name));
  const loaded = loadConfig(
    { COUNTERSIGN_LISTEN: "127.0.0.1:0", COUNTERSIGN_DATA_DIR: join(folder, "data") },
    {},
  );
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  application = await startApplication(loaded.config, createLogger({ level: "silent", format: "json" }));
});

afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

async function bash(script: string): Promise<string> {
  const here = script.replaceAll("http://127.0.0.1:8080", application.url);
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", here], {
    cwd: folder,
    env: { ...process.env, PATH: `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env["PATH"]}` },
  });
  return stdout;
}

test("the commands of the main job do what README.md says", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/<!-- run -->\n```sh\n([^]*?)```/g)].map(([, block]) => block);
  expect(blocks).toHaveLength(4);
  const output = await bash(blocks.join("\n"));
  expect(output).toContain('"userId":"ada","details":{"sequence":"1"');
  expect(output).toMatch(/"mail":\{"mailId":[^]*"to":"ada@example.com"/);
  expect(output).toMatch(/"verificationCode": "[A-Z2-9]{6}"/);
  expect(output).toContain('"email":{"email":"ada@example.com","isVerified":true}');
});

test("the example verifies an address through @zitadel/client", async () => {
  const example = await readFile(join(ROOT, "examples/send-and-verify.ts"), "utf8");
  const here = example.replace("http://127.0.0.1:8080", application.url);
  const { stdout } = await run(process.execPath, ["--input-type=module-typescript", "--eval", here], {
    cwd: folder,
  });
  expect(stdout).toContain("isVerified: true");
});
