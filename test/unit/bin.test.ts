import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

const BIN = fileURLToPath(new URL("../../bin/countersign.js", import.meta.url));

/** A package with the real bin and a main module of the test's own. */
let installed: string;
beforeAll(() => {
  installed = mkdtempSync(join(tmpdir(), "countersign-bin-"));
  writeFileSync(join(installed, "package.json"), '{ "type": "module" }');
  cpSync(BIN, join(installed, "bin/countersign.js"));
});
afterAll(() => rmSync(installed, { recursive: true }));

function build(main: string | undefined): void {
  rmSync(join(installed, "dist"), { recursive: true, force: true });
  if (main === undefined) return;
  mkdirSync(join(installed, "dist/service"), { recursive: true });
  writeFileSync(join(installed, "dist/service/main.js"), main);
}

function run(args: readonly string[] = [], node = process.execPath, nodeArgs: readonly string[] = []) {
  const result = spawnSync(node, [...nodeArgs, join(installed, "bin/countersign.js"), ...args], {
    encoding: "utf8",
  });
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr };
}

function pretending(versions: Record<string, string>): readonly string[] {
  const module = `Object.defineProperty(process, "versions", { value: { ...process.versions, ...${JSON.stringify(versions)} } });`;
  return ["--import", `data:text/javascript,${encodeURIComponent(module)}`];
}

const ECHO = `export async function main(argv) { console.log(JSON.stringify(argv)); return argv.length; }`;
const NEVER = `process.stdout.write("imported"); export async function main() { return 0; }`;

describe("the Node version", () => {
  test.each([
    { node: "12.22.12", napi: "8" },
    { node: "20.20.2", napi: "9" },
    { node: "22.13.1", napi: "9" },
    { node: "23.5.0", napi: "9" },
    { node: "22.14.0", napi: "9" },
  ])("%j is refused in one line, before anything is imported", (versions) => {
    build(NEVER);
    expect(run([], process.execPath, pretending(versions))).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `countersign: needs Node.js 22.14 or newer, and this is ${versions.node} (${process.execPath})\n`,
    });
  });

  test.each([
    { node: "22.14.0", napi: "10" },
    { node: "23.6.0", napi: "10" },
    { node: "24.0.0", napi: "10" },
    { node: "100.0.0", napi: "12" },
  ])("%j is good enough", (versions) => {
    build(ECHO);
    expect(run(["a"], process.execPath, pretending(versions))).toEqual({
      exitCode: 1,
      stdout: '["a"]\n',
      stderr: "",
    });
  });

  const systemNode = "/usr/bin/node";
  const systemVersion = existsSync(systemNode)
    ? execFileSync(systemNode, ["--version"], { encoding: "utf8" }).trim().slice(1)
    : "none";
  const [major = 0, minor = 0] = systemVersion.split(".").map(Number);
  const isOld = major > 0 && (major < 22 || (major === 22 && minor < 14));

  // Where this machine has an old Node, the real thing too.
  (isOld ? test : test.skip)(`${systemNode}, if old, is refused in one line`, () => {
    build(NEVER);
    expect(run([], systemNode)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `countersign: needs Node.js 22.14 or newer, and this is ${systemVersion} (${systemNode})\n`,
    });
  });

  test("is that of package.json", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(manifest.engines.node).toBe(">=22.14");
    expect(manifest.bin.countersign).toBe("bin/countersign.js");
  });
});

describe("a checkout that is not built", () => {
  const line =
    "countersign: not built yet, or dependencies are missing: run `npm install`, which builds too, or `npm run build`\n";

  test.each([
    ["without dist", undefined],
    ["without a dependency", 'import "commander-that-is-not-there"; export {};'],
    ["with half of dist", 'import "./cli/serve.js"; export {};'],
  ])("%s: one line says what to run", (_, main) => {
    build(main);
    expect(run()).toEqual({ exitCode: 1, stdout: "", stderr: line });
  });

  test("a fault in the code is not taken for it", () => {
    build('throw new TypeError("a fault");');
    const { exitCode, stderr } = run();
    expect(exitCode).toBe(1);
    expect(stderr).toContain("TypeError: a fault");
    expect(stderr).not.toContain("not built");
  });
});

test.each([[[]], [["serve", "--listen", "x"]]])("passes on %j and the exit code", (argv) => {
  build(ECHO);
  expect(run(argv)).toEqual({ exitCode: argv.length, stdout: `${JSON.stringify(argv)}\n`, stderr: "" });
});

test("output through a pipe is whole, however long", () => {
  build(`export async function main() { process.stdout.write("x".repeat(3_000_000)); return 0; }`);
  const result = spawnSync(process.execPath, [join(installed, "bin/countersign.js")], {
    encoding: "utf8",
    maxBuffer: 4_000_000,
  });
  expect(result.stdout).toHaveLength(3_000_000);
});

test("can be executed", () => {
  expect(statSync(BIN).mode & 0o111).not.toBe(0);
  expect(readFileSync(BIN, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
});
