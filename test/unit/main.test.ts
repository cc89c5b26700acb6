import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { settingFlags } from "../../src/config.ts";
import { main } from "../../src/main.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

let stdout: string;
let stderr: string;
beforeEach(() => {
  stdout = "";
  stderr = "";
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  jest.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

test("--version", async () => {
  expect(await main(["--version"])).toBe(0);
  expect([stdout, stderr]).toEqual([`${version}\n`, ""]);
});

test.each([["--help"], ["help"]])("%s lists the commands", async (argument) => {
  expect(await main([argument])).toBe(0);
  expect(stdout).toContain("Usage: countersign");
  expect(stdout).toContain("serve");
});

test("serve --help lists every setting", async () => {
  expect(await main(["serve", "--help"])).toBe(0);
  for (const { flag } of settingFlags) expect(stdout).toContain(flag);
});

test.each([
  [[], "Usage: countersign"],
  [["srve"], "unknown command 'srve'\n(Did you mean serve?)"],
  [["--port"], "unknown option '--port'"],
  [["serve", "--lisen", "x"], "unknown option '--lisen'\n(Did you mean --listen?)"],
  [["serve", "--listen"], "argument missing"],
  [["serve", "8080"], "too many arguments"],
])("%j is wrong usage", async (argv, message) => {
  expect(await main(argv)).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(message);
});

test("a mistyped flag is reported without its value", async () => {
  expect(await main(["serve", "--admin-tokn=hunter2=\nx'hunter2'"])).toBe(2);
  expect(stderr).toContain("unknown option '--admin-tokn'");
  expect(stderr).not.toContain("hunter2");
});

test("a wrong configuration is told line by line", async () => {
  expect(await main(["serve", "--listen", "x", "--code-ttl", "y"])).toBe(2);
  expect(stdout).toBe("");
  expect(stderr.split("\n")).toEqual([
    expect.stringMatching(/^COUNTERSIGN_LISTEN \(--listen\): "x" is not host:port; example: /),
    expect.stringMatching(/^COUNTERSIGN_CODE_TTL \(--code-ttl\): "y" is not a duration/),
    "",
  ]);
});
