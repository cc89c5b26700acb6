/**
 * From an operator's folder to texts and templates that are known to work, or to all that is wrong with them.
 *
 * Everything is checked at the start: a mail that cannot be written, or comes without its code, would otherwise be found
 * out by its reader.
 */
import { languagesOf, mergeTexts } from "./catalogue.ts";
import { htmlProblems } from "./html-safety.ts";
import { LanguageChoice } from "./language-choice.ts";
import { compileTemplate, TemplateError, templateTags, type TemplateTag } from "./logic-less-template.ts";
import type { MailOverrides, OverrideLayer } from "./mail-overrides.ts";
import { readOverrideFiles, type OverrideFile, type Problems } from "./override-files.ts";
import {
  isTextKey,
  PLACEHOLDERS,
  TEXT_KEYS,
  TEXT_RULES,
  type MessageTexts,
  type TextKey,
  type TextRule,
} from "./text-keys.ts";

export interface LoadMailOverridesOptions {
  /** Undefined: none, and only the default language is checked. */
  readonly folder: string | undefined;
  readonly defaultLanguage: string;
  /** Whether mails go without a link: templates must then not show one. */
  readonly codeOnly: boolean;
}

export type MailOverridesResult =
  | { readonly ok: true; readonly overrides: MailOverrides }
  /** One line each, with file and line number where there is one. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** What templates may show beside the placeholders of texts, and the texts themselves. */
const TEMPLATE_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(PLACEHOLDERS),
  ...TEXT_KEYS.filter((key) => key !== "greetingWithoutName"),
  "link",
  "lang",
  "dir",
  "start",
]);
const SAMPLE_CODE = "sample-code";
const SAMPLE_LINK = "https://sample-link.example/";

/** Reads and checks everything. */
export async function loadMailOverrides({
  folder,
  defaultLanguage,
  codeOnly,
}: LoadMailOverridesOptions): Promise<MailOverridesResult> {
  const problems: Problems = [];
  const files = folder === undefined ? [] : await readOverrideFiles(folder, problems);
  const general = new LayerBuilder();
  const organizations = new Map<string, LayerBuilder>();
  for (const file of files) {
    const { organizationId } = file;
    const layer =
      organizationId === undefined ? general : (organizations.get(organizationId) ?? new LayerBuilder());
    if (organizationId !== undefined) organizations.set(organizationId, layer);
    layer.add(file, codeOnly, problems);
  }
  checkCompleteness(general, [general], problems);
  for (const layer of organizations.values()) checkCompleteness(layer, [general, layer], problems);
  const languages = languagesOf([general]);
  if (new LanguageChoice(languages).lookUp([defaultLanguage]) === undefined) {
    problems.push(
      `COUNTERSIGN_DEFAULT_LANGUAGE=${defaultLanguage}: there are no mail texts in it; there are ${languages.join(", ")}`,
    );
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, overrides: { ...general.layer(), organizations: layersOf(organizations) } };
}

function layersOf(builders: ReadonlyMap<string, LayerBuilder>): ReadonlyMap<string, OverrideLayer> {
  return new Map(Array.from(builders, ([id, builder]) => [id, builder.layer()]));
}

/** The overrides of one folder. */
class LayerBuilder implements OverrideLayer {
  readonly texts = new Map<string, Partial<MessageTexts>>();
  readonly html = new Map<string, string>();
  readonly text = new Map<string, string>();
  /** Whose language has to have all its texts. */
  readonly files: { readonly path: string; readonly tag: string }[] = [];

  add(file: OverrideFile, codeOnly: boolean, problems: Problems): void {
    const tag = file.tag === "" ? "" : canonicalTag(file.tag);
    if (tag === undefined) {
      problems.push(`${file.path}: "${file.tag}" is not a language tag, such as de or pt-BR`);
      return;
    }
    if (this[file.kind].has(tag)) {
      problems.push(`${file.path}: there is another file for ${tag}, whose name differs in case only`);
      return;
    }
    if (tag !== "") this.files.push({ path: file.path, tag });
    if (file.kind === "texts") {
      this.texts.set(tag, checkTexts(file, problems));
    } else {
      checkTemplate(file, codeOnly, problems);
      this[file.kind].set(tag, file.content);
    }
  }

  /** Without what was only needed for checking. */
  layer(): OverrideLayer {
    return { texts: this.texts, html: this.html, text: this.text };
  }
}

function canonicalTag(tag: string): string | undefined {
  try {
    return new Intl.Locale(tag).toString();
  } catch {
    return undefined;
  }
}

function checkCompleteness(
  { files }: LayerBuilder,
  layers: readonly OverrideLayer[],
  problems: Problems,
): void {
  const languages = new Set(languagesOf(layers));
  for (const { path, tag } of files) {
    if (!languages.has(tag)) {
      problems.push(
        `${path}: is never used: add ${tag}.json, which may be {} where a more general language has the texts`,
      );
      continue;
    }
    const texts = mergeTexts(tag, layers);
    const missing = TEXT_KEYS.filter((key) => texts[key] === undefined);
    if (missing.length > 0)
      problems.push(`${path}: lacks ${missing.join(", ")}: Countersign has no texts in ${tag}`);
  }
}

function checkTexts({ path, content }: OverrideFile, problems: Problems): Partial<MessageTexts> {
  let texts: unknown;
  try {
    texts = JSON.parse(content);
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const line = Number(/line (\d+)/.exec(message)?.[1] ?? lineAt(content, content.length));
    problems.push(`${path}:${line}: is not JSON: ${message.replace(/\s+/g, " ")}`);
    return {};
  }
  if (typeof texts !== "object" || texts === null || Array.isArray(texts)) {
    problems.push(`${path}:1: is not an object of texts, such as {"subject": "..."}`);
    return {};
  }
  const lines = keyLines(content);
  const checked: Partial<Record<TextKey, string>> = {};
  for (const [key, value] of Object.entries(texts)) {
    const [line = 1, ...others] = lines.get(key) ?? [];
    const report = (problem: string) => void problems.push(`${path}:${line}: ${problem}`);
    const name = JSON.stringify(key.slice(0, 40));
    if (others.length > 0) report(`${name} is there again in line ${others.join(", ")}`);
    if (!isTextKey(key)) report(`${name} is not a text of the mail; the texts are ${TEXT_KEYS.join(", ")}`);
    else if (typeof value !== "string") report(`${name} is not a string`);
    else {
      const problem = textProblem(key, value);
      if (problem !== undefined) report(`${name} ${problem}`);
      checked[key] = value;
    }
  }
  return checked;
}

function textProblem(key: TextKey, text: string): string | undefined {
  const { needs, mayBeEmpty, maxLength }: TextRule = TEXT_RULES[key];
  if (text.trim() === "" && !(mayBeEmpty && text === "")) return "is empty";
  if (text.length > maxLength) return `has more than ${maxLength} characters`;
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)) return "has a line break or another control character in it";
  let tags: readonly TemplateTag[];
  try {
    tags = templateTags(text);
  } catch (error) {
    if (error instanceof TemplateError) return `is not a text with placeholders: ${error.message}`;
    throw error;
  }
  const names = new Set(tags.map(({ name }) => name));
  if (tags.some(({ kind }) => kind !== "value")) return "has a section in it, which only templates may have";
  const unknown = [...names].find((name) => !Object.hasOwn(PLACEHOLDERS, name));
  if (unknown !== undefined) {
    return `has {{${unknown}}}, which is nothing to fill in; there are ${Object.keys(PLACEHOLDERS).join(", ")}`;
  }
  if (key === "greetingWithoutName" && names.has("name"))
    return "has {{name}}, but stands where there is none";
  const missing = needs.find((name) => !names.has(name));
  return missing === undefined ? undefined : `lacks {{${missing}}}`;
}

function checkTemplate({ path, content, kind }: OverrideFile, codeOnly: boolean, problems: Problems): void {
  const report = (text: string, index: number) =>
    void problems.push(`${path}:${lineAt(content, index)}: ${text}`);
  let tags: readonly TemplateTag[];
  try {
    tags = templateTags(content);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    report(error.message, error.index);
    return;
  }
  for (const { name, start, kind: tagKind, within } of tags) {
    if (!TEMPLATE_NAMES.has(name)) {
      report(`{{${name}}} is nothing to fill in; there are ${[...TEMPLATE_NAMES].join(", ")}`, start);
    } else if (codeOnly && tagKind === "value" && name === "link" && !within.includes("link")) {
      report(
        "{{link}} is empty while COUNTERSIGN_MAIL_LINK is off: put it between {{#link}} and {{/link}}",
        start,
      );
    }
  }
  if (kind === "html") for (const { text, index } of htmlProblems(content)) report(text, index);
  const mail = sampleRenderings(content, codeOnly);
  if (!mail.every((rendering) => rendering.includes(SAMPLE_CODE)))
    report("lacks {{code}}, or shows it not always", 0);
  if (!codeOnly && !mail.every((rendering) => rendering.includes(SAMPLE_LINK))) {
    report("lacks {{link}}, or shows it not always", 0);
  }
}

/** With all that there can be, and with as little. */
function sampleRenderings(template: string, codeOnly: boolean): readonly string[] {
  const render = compileTemplate(template, "text");
  const full = Object.fromEntries([...TEMPLATE_NAMES].map((name) => [name, name]));
  const always = { ...full, code: SAMPLE_CODE, link: codeOnly ? "" : SAMPLE_LINK };
  const optional = TEXT_KEYS.filter((key) => TEXT_RULES[key].mayBeEmpty);
  const sparse = { ...always, name: "", ...Object.fromEntries(optional.map((key) => [key, ""])) };
  return [render(always), render(sparse)];
}

/** In which lines each key of a flat JSON object stands. Strings are found one after the other; keys have a colon after them. */
function keyLines(json: string): ReadonlyMap<string, number[]> {
  const lines = new Map<string, number[]>();
  for (const match of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)) {
    const [, quoted = '""', colon] = match;
    if (colon === undefined) continue;
    const key = JSON.parse(quoted) as string;
    lines.set(key, [...(lines.get(key) ?? []), lineAt(json, match.index)]);
  }
  return lines;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
