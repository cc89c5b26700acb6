/**
 * Templates with names in them and nothing to run: Mustache, of which `{{name}}`, `{{#name}}...{{/name}}` (when it is not
 * empty), `{{^name}}...{{/name}}` (when it is) and comments are taken. Operators write them, so a slip, or a template
 * from elsewhere, must not be able to execute code: values are texts, and there is nothing else to reach.
 */
import Mustache, { type TemplateSpans } from "mustache";

export type TemplateView = Readonly<Record<string, string>>;

/** Fills in the values. */
export type Render = (view: TemplateView) => string;

/** One `{{...}}` of a template. */
export interface TemplateTag {
  readonly kind: "value" | "section" | "inverted";
  readonly name: string;
  /** Where it begins and ends in the source, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Names of the sections around it that show it when they are not empty. */
  readonly within: readonly string[];
}

/** A template that cannot be used. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** Where in the source, in UTF-16 code units. */
  readonly index: number;

  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

const writer = new Mustache.Writer();

/**
 * Every tag of a template, in order, those within sections after the section.
 *
 * @throws TemplateError for a broken template, and for the parts of Mustache that are not taken
 */
export function templateTags(source: string): readonly TemplateTag[] {
  const tags: TemplateTag[] = [];
  collectTags(parse(source), [], tags);
  return tags;
}

/**
 * @param format "html" escapes every value for text and for quoted attributes; "text" takes them as they are
 * @throws TemplateError for a broken template
 */
export function compileTemplate(source: string, format: "html" | "text"): Render {
  const spans = parse(source);
  const [first, ...others] = spans;
  if (first === undefined) return () => "";
  if (others.length === 0 && first[0] === "text") return () => first[1];
  const options = { escape: format === "html" ? escapeHtml : String };
  return (view) =>
    // Typed for string tokens only; a token also has numbers and tokens in it.
    writer.renderTokens(
      spans as unknown as string[][],
      new Mustache.Context(view),
      undefined,
      source,
      options,
    );
}

function parse(source: string): TemplateSpans {
  try {
    return Mustache.parse(source);
  } catch (error) {
    const [, problem = "cannot be read", at = "0"] =
      /^(.*) at (\d+)$/s.exec(error instanceof Error ? error.message : "") ?? [];
    throw new TemplateError(describe(problem), Number(at));
  }
}

function describe(problem: string): string {
  const [, what, name] = /^(Unclosed|Unopened) section "(.*)"$/s.exec(problem) ?? [];
  if (what === "Unclosed") return `{{#${name}}} is not closed with {{/${name}}}`;
  if (what === "Unopened") return `{{/${name}}} closes what was not opened`;
  return problem === "Unclosed tag" ? "{{ without }}" : "cannot be read as a template";
}

function collectTags(spans: TemplateSpans, within: readonly string[], tags: TemplateTag[]): void {
  for (const span of spans) {
    const [type, name, start, end] = span;
    switch (type) {
      case "text":
      case "!":
        break;
      case "name":
        tags.push({ kind: "value", name, start, end, within });
        break;
      case "#":
      case "^":
        tags.push({ kind: type === "#" ? "section" : "inverted", name, start, end, within });
        collectTags(span[4] as TemplateSpans, type === "#" ? [...within, name] : within, tags);
        break;
      case "&":
        throw new TemplateError(`{{{${name}}}} would leave the value unescaped: write {{${name}}}`, start);
      case ">":
        throw new TemplateError(`{{>${name}}}: templates cannot include others`, start);
      default:
        throw new TemplateError("{{=...=}}: the marks around names cannot be changed", start);
    }
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (symbol) => ENTITIES[symbol] ?? symbol);
}
