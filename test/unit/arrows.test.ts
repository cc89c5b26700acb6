// Who may import whom is written down in .oxlintrc.json. Here oxlint itself judges a small copy of the house: every
// import under fixtures/arrows/forbidden must be reported, none under fixtures/arrows/allowed.
import { expect, test } from "@jest/globals";
import { execFile } from "node:child_process";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const FIXTURE = "test/fixtures/arrows";
const ROOMS = [
  "cli",
  "client",
  "settings",
  "transport",
  "mail",
  "web",
  "rpc",
  "access",
  "store",
  "verification",
  "observability",
];
const FILES = ["main.ts", "app.ts", "config.ts"];
const OUTSIDE = ["gen", "@connectrpc", "nodemailer", "better-sqlite3"];
const IMPORT_RULES = ["eslint(no-restricted-imports)", "typescript(consistent-type-imports)"];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

const reported = await oxlint();

test.each(filesBelow("forbidden"))("every import of forbidden/src/%s is reported", (file) => {
  const imports = importsOf("forbidden", file);
  const lines = linesReported("forbidden", file);
  expect(imports.filter(({ line }) => !lines.includes(line))).toEqual([]);
  expect(imports).not.toEqual([]);
});

test.each(filesBelow("allowed"))("no import of allowed/src/%s is reported", (file) => {
  expect(linesReported("allowed", file)).toEqual([]);
  expect(importsOf("allowed", file)).not.toEqual([]);
});

test.each([...FILES, ...ROOMS.map((room) => `${room}/part.ts`)])(
  "the fixture of %s names everything",
  (file) => {
    const named = [...importsOf("allowed", file), ...importsOf("forbidden", file)].map(({ text }) => text);
    const own = file.split("/")[0];
    const missing = [...FILES, ...ROOMS, ...OUTSIDE].filter(
      (target) => target !== own && !named.some((text) => new RegExp(`["/]${target}["/]`).test(text)),
    );
    expect(missing).toEqual([]);
  },
);

test("src has no room that the arrows do not know", () => {
  const unknown = readdirSync(join(ROOT, "src")).filter((name) => ![...FILES, ...ROOMS].includes(name));
  expect(unknown).toEqual([]);
});

async function oxlint(): Promise<readonly Diagnostic[]> {
  const output = await new Promise<string>((resolve) => {
    // It exits with 1, as it must: the fixture is full of faults.
    const args = ["node_modules/oxlint/bin/oxlint", "--config=.oxlintrc.json", "--format=json", FIXTURE];
    execFile(process.execPath, args, { cwd: ROOT, maxBuffer: 2 ** 26 }, (_, stdout) => resolve(stdout));
  });
  return (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
}

function filesBelow(kind: string): string[] {
  return globSync("**/*.ts", { cwd: join(ROOT, FIXTURE, kind, "src") }).toSorted();
}

function importsOf(kind: string, file: string): { line: number; text: string }[] {
  if (!filesBelow(kind).includes(file)) return [];
  const lines = readFileSync(join(ROOT, FIXTURE, kind, "src", file), "utf8").split("\n");
  return lines.map((text, index) => ({ line: index + 1, text })).filter(({ text }) => text.includes('"'));
}

function linesReported(kind: string, file: string): number[] {
  return reported
    .filter(
      ({ code, filename }) => IMPORT_RULES.includes(code) && filename === `${FIXTURE}/${kind}/src/${file}`,
    )
    .flatMap(({ labels }) => labels.map(({ span }) => span.line));
}
