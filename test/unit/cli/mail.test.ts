// `countersign mail preview` and `mail defaults`, run as commands.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadMailOverrides } from "../../../src/mail/messages/load-mail-overrides.ts";
import { runCommand } from "../../support/command.ts";

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

let folder: string;
let templates: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-preview-"));
  templates = join(folder, "templates");
  await mkdir(join(templates, "organizations/acme"), { recursive: true });
  await writeFile(join(templates, "de.json"), '{"subject": "Ihr Code für {{sender}}"}');
  await writeFile(join(templates, "organizations/acme/de.json"), '{"title": "Willkommen bei Acme"}');
});
afterAll(() => rm(folder, { recursive: true }));

const preview = (...args: string[]) => runCommand(["mail", "preview", ...args], { env });
const env = {
  COUNTERSIGN_MAIL_FROM: "Acme <post@acme.example>",
  COUNTERSIGN_PUBLIC_URL: "https://id.acme.example",
};

describe("mail preview", () => {
  test("shows the mail as it reads, by the settings of the service", async () => {
    const { code, stdout, stderr } = await preview();
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^From: {4}Acme <post@acme\.example>\nTo: {6}Ada Lovelace <ada@example\.com>\nSubject: Verify your email address\nPreview: The code/,
    );
    expect(stdout).toMatch(
      /\n\n([A-Z2-9]{6})\n\nOr open this link.*:\n\nhttps:\/\/id\.acme\.example\/verify\?code=\1&orgId=/,
    );
    expect(code).toBe(0);
  });

  test("shows a language, an organization's texts, and mails without a link", async () => {
    const args = [
      "--locale",
      "de-AT",
      "--organization",
      "acme",
      "--mail-templates",
      templates,
      "--code-only",
    ];
    const { stdout, stderr } = await preview(...args, "--format", "html");
    expect(stdout).toMatch(/^<!doctype html>\n<html lang="de" dir="ltr">/);
    expect(stdout).toContain("<title>Ihr Code für Acme</title>");
    expect(stdout).toContain(">Willkommen bei Acme</h1>");
    expect(stdout).not.toContain("href=");
    expect(stderr).toBe("");
  });

  test("writes the whole message to a file", async () => {
    const out = join(folder, "mail.eml");
    expect(await preview("--format", "eml", "--locale", "ja", "--out", out)).toMatchObject({
      code: 0,
      stdout: "",
    });
    const parsed = await simpleParser(await readFile(out));
    expect(parsed.subject).toBe("メールアドレスの確認");
    expect(parsed.from?.value).toEqual([{ name: "Acme", address: "post@acme.example" }]);
    expect(parsed.text).toContain("Ada Lovelace 様");
    expect(String(parsed.html)).toContain('<html lang="ja"');
  });

  test("says what readers get instead of a language or an organization's mail that there is not", async () => {
    const { code, stderr, stdout } = await preview("--locale", "sv", "--organization", "other");
    expect(stderr).toBe(
      "note: there is nothing of its own for organization other: this is everyone's mail\n" +
        "note: there are no texts in sv: readers get en\n",
    );
    expect(stdout).toContain("Hello Ada Lovelace,");
    expect(code).toBe(0);
  });

  test("refuses broken texts, templates and settings, a line each", async () => {
    const broken = join(folder, "broken");
    await mkdir(broken);
    await writeFile(join(broken, "de.json"), '{\n"subjet": "x"}');
    await writeFile(join(broken, "verification.html.mustache"), "{{link}}");
    const { code, stderr, stdout } = await preview("--mail-templates", broken);
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/broken\/de\.json:2: "subjet" is not a text/),
      expect.stringMatching(/broken\/verification\.html\.mustache:1: lacks \{\{code\}\}/),
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(await preview("--default-language", "German!")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("COUNTERSIGN_DEFAULT_LANGUAGE (--default-language)"),
    });
    expect(await preview("--format", "pdf")).toMatchObject({ code: 2 });
  });

  test("says when a file cannot be written", async () => {
    const out = join(folder, "nowhere", "mail.html");
    expect(await preview("--out", out)).toMatchObject({
      code: 1,
      stderr: `countersign: cannot write ${out} (ENOENT)\n`,
    });
  });
});

describe("mail defaults", () => {
  test("are overrides that change nothing", async () => {
    const own = join(folder, "own");
    await mkdir(own);
    const files: [string, string[]][] = [
      ["pl.json", ["--locale", "pl-PL"]],
      ["verification.html.mustache", ["--format", "html"]],
      ["verification.txt.mustache", ["--format", "text"]],
    ];
    for (const [name, args] of files) {
      expect(await runCommand(["mail", "defaults", ...args, "--out", join(own, name)])).toMatchObject({
        code: 0,
      });
    }
    for (const codeOnly of [false, true]) {
      expect(await loadMailOverrides({ folder: own, defaultLanguage: "en", codeOnly })).toMatchObject({
        ok: true,
      });
    }
    const steady = (text: string) => text.replaceAll(/\d\d:\d\d/g, "time");
    const [before, after] = [
      await preview("--locale", "pl", "--format", "html"),
      await preview("--locale", "pl", "--format", "html", "--mail-templates", own),
    ];
    expect(steady(after.stdout)).toBe(steady(before.stdout));
  });

  test("are refused in other languages", async () => {
    expect(await runCommand(["mail", "defaults", "--locale", "sv"])).toMatchObject({
      code: 2,
      stderr: '--locale "sv": there are no texts in it; there are en, de, fr, es, it, pt, nl, pl, ja, zh\n',
    });
  });
});

test("the commands of docs/mail.md do what it says", async () => {
  const page = await readFile(new URL("../../../docs/mail.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/<!-- run -->\n```sh\n([^]*?)```/g)].map(([, block]) => block);
  expect(blocks).toHaveLength(3);
  const entry = fileURLToPath(new URL("../../support/serve-from-source.ts", import.meta.url));
  const cwd = await mkdtemp(join(folder, "docs-"));
  const script = `countersign() { "${process.execPath}" "${entry}" "$@"; }\n${blocks.join("\n")}`;
  const { stdout, stderr } = await promisify(execFile)("bash", ["--norc", "-euo", "pipefail", "-c", script], {
    cwd,
    env: { PATH: process.env["PATH"] },
  });
  expect(stderr).toBe("");
  expect(stdout).toContain("Subject: Bestätigen Sie Ihre E-Mail-Adresse\n");
  expect(stdout).toContain("Subject: Countersign: Ihr Code\n");
  expect(stdout).toContain('"subject": "Bestätigen Sie Ihre E-Mail-Adresse"');
  expect(await readFile(join(cwd, "preview.html"), "utf8")).toContain("<title>Countersign: Ihr Code</title>");
  expect(await readFile(join(cwd, "preview.eml"), "utf8")).toContain("Auto-Submitted: auto-generated");
}, 60_000);
