import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createComposer } from "../../../../src/mail/message.ts";
import { BUILT_IN_LOCALES } from "../../../../src/mail/messages/built-in-locales.ts";
import {
  loadMailOverrides,
  type LoadMailOverridesOptions,
} from "../../../../src/mail/messages/load-mail-overrides.ts";
import { HTML_TEMPLATE, TEXT_TEMPLATE } from "../../../../src/mail/templates/verification.ts";
import { mailRequest } from "../../../mail/mail-request.ts";

const folders: string[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-texts-"));
  folders.push(folder);
});
afterAll(async () => {
  for (const each of folders) await rm(each, { recursive: true });
});

async function put(files: Readonly<Record<string, string | Uint8Array | object>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const isFile = typeof content === "string" || content instanceof Uint8Array;
    await writeFile(path, isFile ? content : JSON.stringify(content, null, 2));
  }
}

function load(options: Partial<LoadMailOverridesOptions> = {}) {
  return loadMailOverrides({ folder, defaultLanguage: "en", codeOnly: false, ...options });
}

/** Without the folder's name. */
async function problems(options: Partial<LoadMailOverridesOptions> = {}): Promise<readonly string[]> {
  const result = await load(options);
  return result.ok ? [] : result.problems.map((problem) => problem.replaceAll(`${folder}/`, ""));
}

const swedish = { ...BUILT_IN_LOCALES.get("en")?.texts, subject: "Bekräfta din e-postadress" };

describe("a folder", () => {
  test("is loaded whole, and what is loaded can go to a thread", async () => {
    await put({
      "de.json": { subject: "Ihr Code: {{code}}" },
      "sv.json": swedish,
      "PT-br.json": "\uFEFF{}",
      "verification.html.mustache": HTML_TEMPLATE,
      "verification.pt-BR.txt.mustache": TEXT_TEMPLATE,
      "organizations/org 1/de.json": { greeting: "Hallo {{name}}," },
      "organizations/org 1/verification.html.mustache": "<p>{{code}} {{link}}</p>",
      "README.md": "x",
      ".git/config": "x",
      "de.json~": "x",
    });
    const result = await load({ defaultLanguage: "sv" });
    if (!result.ok) throw new Error(result.problems.join("\n"));
    const { overrides } = structuredClone(result);
    expect([...overrides.texts.keys()].toSorted()).toEqual(["de", "pt-BR", "sv"]);
    expect([...overrides.text.keys()]).toEqual(["pt-BR"]);
    const from = { name: "", address: "a@example.org" };
    const compose = createComposer({ from, overrides, defaultLanguage: "sv" });
    const of = (preferredLanguage: string, organizationId: string) =>
      compose(mailRequest({ user: { ...mailRequest().user, preferredLanguage, organizationId } }));
    expect(of("fi", "x").subject).toBe("Bekräfta din e-postadress");
    expect(of("de", "x").subject).toBe("Ihr Code: ABC234");
    expect(of("de", "org 1")).toMatchObject({
      subject: "Ihr Code: ABC234",
      html: "<p>ABC234 https://example.com/verify?code=ABC234</p>",
      parts: { greeting: "Hallo Ada Lovelace," },
    });
  });

  test("may be of links, as Kubernetes mounts them", async () => {
    await put({ "..data/de.json": { subject: "Betreff" } });
    await symlink("..data/de.json", join(folder, "de.json"));
    const result = await load();
    expect(result.ok && result.overrides.texts.get("de")).toEqual({ subject: "Betreff" });
  });

  test("may be none, or empty", async () => {
    expect(await load({ folder: undefined })).toMatchObject({ ok: true });
    expect(await load()).toMatchObject({ ok: true });
  });

  test("has to be there", async () => {
    expect(await load({ folder: "/nonexistent/mail" })).toEqual({
      ok: false,
      problems: ["/nonexistent/mail: the folder cannot be read (ENOENT)"],
    });
  });
});

test.each(["sv", "und", "x-klingon"])(
  "a default language without texts is refused: %s",
  async (defaultLanguage) => {
    expect(await problems({ folder: undefined, defaultLanguage })).toEqual([
      `COUNTERSIGN_DEFAULT_LANGUAGE=${defaultLanguage}: there are no mail texts in it; there are en, de, fr, es, it, pt, nl, pl, ja, zh`,
    ]);
  },
);

describe("texts are refused", () => {
  test.each<[string, string, string]>([
    ["that are no JSON", '{\n  "subject": "x",\n}', "de.json:3: is not JSON"],
    ["that end too early", '{\n"subject": "x"', "de.json:2: is not JSON"],
    ["that are a list", '["x"]', "de.json:1: is not an object of texts"],
    [
      "with an unknown key",
      '{\n\n"subjet": "x"}',
      'de.json:3: "subjet" is not a text of the mail; the texts are subject, preheader',
    ],
    ["with a key from elsewhere", '{"__proto__": "x"}', 'de.json:1: "__proto__" is not a text of the mail'],
    [
      "with a key twice",
      '{"title": "a",\n"ignore": "\\"title\\": x",\n"title": "b"}',
      'de.json:1: "title" is there again in line 3',
    ],
    ["with a number", '{"title": 1}', 'de.json:1: "title" is not a string'],
    ["that are empty", '{"title": " "}', 'de.json:1: "title" is empty'],
    ["of spaces", '{"ignore": " "}', 'de.json:1: "ignore" is empty'],
    [
      "that are too long",
      `{"subject": "${"x".repeat(201)}"}`,
      'de.json:1: "subject" has more than 200 characters',
    ],
    [
      "with a line break",
      '{"subject": "x\\r\\nBcc: a@example.com"}',
      'de.json:1: "subject" has a line break',
    ],
    [
      "with half a character",
      '{"title": "\\ud800"}',
      'de.json:1: "title" has a line break or another control character',
    ],
    [
      "with an unknown placeholder",
      '{"title": "{{Code}}"}',
      'de.json:1: "title" has {{Code}}, which is nothing to fill in; there are name',
    ],
    [
      "with a function's name",
      '{"title": "{{constructor}}"}',
      'de.json:1: "title" has {{constructor}}, which',
    ],
    [
      "with a broken placeholder",
      '{"title": "{{code"}',
      'de.json:1: "title" is not a text with placeholders: {{ without }}',
    ],
    ["with a section", '{"title": "{{#code}}x{{/code}}"}', 'de.json:1: "title" has a section'],
    [
      "with an unescaped value",
      '{"title": "{{{code}}}"}',
      'de.json:1: "title" is not a text with placeholders: {{{code}}}',
    ],
    ["without the name in the greeting", '{"greeting": "Hallo"}', 'de.json:1: "greeting" lacks {{name}}'],
    [
      "with the name where there is none",
      '{"greetingWithoutName": "{{name}}"}',
      'de.json:1: "greetingWithoutName" has {{name}}, but',
    ],
  ])("%s", async (_, content, problem) => {
    await put({ "de.json": content });
    expect(await problems()).toEqual([expect.stringContaining(problem)]);
  });

  test("in a language that Countersign has not, when one is missing", async () => {
    const { ignore: _ignore, title: _title, ...rest } = swedish;
    await put({ "sv.json": rest, "organizations/1/fi.json": { subject: "x" } });
    const found = await problems();
    expect(found).toEqual([
      "sv.json: lacks title, ignore: Countersign has no texts in sv",
      expect.stringMatching(
        /^organizations\/1\/fi\.json: lacks preheader, title, .*: Countersign has no texts in fi$/,
      ),
    ]);
  });
});

describe("templates are refused", () => {
  const html = "verification.html.mustache";
  const text = "verification.de.txt.mustache";
  test.each<[string, string, string, string]>([
    [
      "with a broken section",
      html,
      "<p>\n{{#link}}{{code}}{{link}}",
      "verification.html.mustache:2: {{#link}} is not closed",
    ],
    [
      "with an unknown name",
      html,
      "{{code}}{{link}}\n{{colour}}",
      "verification.html.mustache:2: {{colour}} is nothing to fill in; there are name",
    ],
    [
      "with unescaped values",
      html,
      "{{code}}{{link}}\n\n{{{name}}}",
      "verification.html.mustache:3: {{{name}}} would leave",
    ],
    [
      "with other templates in them",
      html,
      "{{code}}{{link}}{{> /etc/passwd}}",
      "verification.html.mustache:1: {{>/etc/passwd}}",
    ],
    ["without the code", html, "<p>{{link}}</p>", "verification.html.mustache:1: lacks {{code}}"],
    [
      "with the code in what may be empty",
      html,
      "{{#ignore}}{{code}}{{/ignore}}{{link}}",
      "verification.html.mustache:1: lacks {{code}}",
    ],
    [
      "with the code for people with a name alone",
      text,
      "{{#name}}{{code}}{{/name}} {{link}}",
      "verification.de.txt.mustache:1: lacks {{code}}",
    ],
    ["without the link", text, "{{code}}", "verification.de.txt.mustache:1: lacks {{link}}"],
    [
      "with remote images",
      html,
      '{{code}}{{link}}\n<img src="http://x.example/a.png">',
      'verification.html.mustache:2: src="..." on <img> is refused',
    ],
    [
      "with scripts",
      html,
      "{{code}}{{link}}<script>x</script>",
      "verification.html.mustache:1: <script> is refused",
    ],
  ])("%s", async (_, name, content, problem) => {
    await put({ [name]: content });
    expect(await problems()).toEqual([expect.stringContaining(problem)]);
  });

  test("that show an empty link where mails have none", async () => {
    await put({ [html]: "{{code}}\n<a href='{{link}}'>x</a>{{#link}}{{link}}{{/link}}" });
    expect(await problems()).toEqual([]);
    expect(await problems({ codeOnly: true })).toEqual([
      "verification.html.mustache:2: {{link}} is empty while COUNTERSIGN_MAIL_LINK is off: put it between {{#link}} and {{/link}}",
    ]);
    await put({ [html]: HTML_TEMPLATE, [text]: "{{code}}" });
    expect(await problems({ codeOnly: true })).toEqual([]);
  });

  test("for a language that there are no texts in", async () => {
    await put({ "verification.sv.html.mustache": HTML_TEMPLATE });
    expect(await problems()).toEqual([
      "verification.sv.html.mustache: is never used: add sv.json, which may be {} where a more general language has the texts",
    ]);
  });
});

describe("files are refused", () => {
  test.each(["verification.html.eta", "de.yaml", "Verification.html", "de", "de.json.bak"])(
    "that nobody would read: %s",
    async (name) => {
      await put({ [name]: "x" });
      expect(await problems()).toEqual([
        expect.stringContaining(`${name}: is none of the files that are read`),
      ]);
    },
  );

  test.each(["german.de.json", "toolonglanguage.json", "d.json", "verification.d.html.mustache"])(
    "whose name is no language tag: %s",
    async (name) => {
      await put({ [name]: "{}" });
      expect((await problems())[0]).toMatch(/is not a language tag|is none of the files/);
    },
  );

  test("that differ in case only", async () => {
    await put({ "pt-BR.json": "{}", "pt-br.json": "{}" });
    expect(await problems()).toEqual([
      "pt-br.json: there is another file for pt-BR, whose name differs in case only",
    ]);
  });

  test("that are too large, not UTF-8, or folders", async () => {
    await put({
      "de.json": " ".repeat(256 * 1024 + 1),
      "fr.json": new Uint8Array([0x7b, 0xff, 0x7d]),
      "it.json/x": "",
    });
    expect(await problems()).toEqual([
      "de.json: has 262145 bytes, and at most 262144 are read",
      "fr.json: is not text in UTF-8",
      "it.json: cannot be read (EISDIR)",
    ]);
  });

  test("that cannot be read", async () => {
    await symlink("nowhere", join(folder, "de.json"));
    expect(await problems()).toEqual(["de.json: cannot be read (ENOENT)"]);
  });
});

test("all problems are told at once", async () => {
  await put({
    "de.json": '{"a": 1,\n"b": 2}',
    "fr.json": "[]",
    "verification.html.mustache": "",
    "organizations/7/es.json": '{"title": ""}',
  });
  expect(await problems({ defaultLanguage: "sv" })).toHaveLength(7);
});
