/**
 * Path templates of google.api.http (google/api/http.proto, "Path template syntax"):
 *
 *     Template = "/" Segments [ Verb ] ;
 *     Segments = Segment { "/" Segment } ;
 *     Segment  = "*" | "**" | LITERAL | Variable ;
 *     Variable = "{" FieldPath [ "=" Segments ] "}" ;
 *     Verb     = ":" LITERAL ;
 *
 * Literals are compared decoded, as RFC 3986 section 6.2.2.2 has it. `*` takes one segment that is not empty, `**` any
 * number of segments at the end of the path.
 */

export type TemplateSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "rest" };

export interface TemplateVariable {
  /** Names of fields, as the template spells them. */
  readonly fieldPath: readonly string[];
  /** Index of its first segment. */
  readonly start: number;
  /** How many segments its pattern has. */
  readonly length: number;
}

export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly TemplateSegment[];
  /** "" where there is none. */
  readonly verb: string;
  readonly variables: readonly TemplateVariable[];
}

/** @throws Error that says what is wrong with the template, and where */
export function parsePathTemplate(text: string): PathTemplate {
  return new TemplateParser(text).parse();
}

/**
 * The value of a variable in a path that its template matches.
 *
 * @param segments of the path, still encoded
 * @returns undefined for malformed percent-encoding
 */
export function variableValue(
  { segments: pattern }: PathTemplate,
  { start, length }: TemplateVariable,
  segments: readonly string[],
): string | undefined {
  const isRest = pattern[start + length - 1]?.kind === "rest";
  if (length === 1 && !isRest) return decodeSegment(segments[start] ?? "");
  const taken = segments.slice(start, isRest ? undefined : start + length);
  // Of several segments: an encoded slash stays encoded, else it would look like one that separates segments.
  const parts = taken.join("/").split(/(%2f)/i);
  const decoded = parts.map((part, index) => (index % 2 === 1 ? part : decodeSegment(part)));
  return decoded.includes(undefined) ? undefined : decoded.join("");
}

/** @returns undefined for malformed percent-encoding */
export function decodeSegment(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const FIELD_PATH = /[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/y;
/** Everything but the template's own signs, what no path can hold, and white space. */
const LITERAL = /[^/{}*:?#\s]+/y;
const WILDCARD = /\*\*?/y;

class TemplateParser {
  readonly #text: string;
  #at = 0;
  readonly #segments: TemplateSegment[] = [];
  readonly #variables: TemplateVariable[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PathTemplate {
    if (!this.#skip("/")) throw this.#problem('does not begin with "/"');
    this.#readSegments(true);
    const verb = this.#skip(":") ? this.#readLiteral("a verb") : "";
    if (this.#at < this.#text.length) throw this.#problem("goes on where it should end");
    const rest = this.#segments.findIndex(({ kind }) => kind === "rest");
    if (rest !== -1 && rest < this.#segments.length - 1) {
      throw new Error(`the template ${this.#text} has "**" before its end`);
    }
    return { text: this.#text, segments: this.#segments, verb, variables: this.#variables };
  }

  #readSegments(mayHoldVariables: boolean): void {
    do {
      if (!this.#skip("{")) this.#readSegment();
      else if (mayHoldVariables) this.#readVariable();
      else throw this.#problem("has a variable inside a variable");
    } while (this.#skip("/"));
  }

  #readSegment(): void {
    const wildcard = this.#take(WILDCARD);
    if (wildcard === "**") this.#segments.push({ kind: "rest" });
    else if (wildcard === "*") this.#segments.push({ kind: "one" });
    else this.#segments.push({ kind: "literal", text: this.#readLiteral("a segment") });
  }

  #readVariable(): void {
    const fieldPath = this.#take(FIELD_PATH)?.split(".");
    if (fieldPath === undefined) throw this.#problem("names no field");
    const start = this.#segments.length;
    if (this.#skip("=")) this.#readSegments(false);
    else this.#segments.push({ kind: "one" });
    if (!this.#skip("}")) throw this.#problem('lacks "}"');
    this.#variables.push({ fieldPath, start, length: this.#segments.length - start });
  }

  #readLiteral(what: string): string {
    const literal = this.#take(LITERAL);
    if (literal === undefined) throw this.#problem(`lacks ${what}`);
    const decoded = decodeSegment(literal);
    if (decoded === undefined) throw this.#problem("has malformed percent-encoding");
    return decoded;
  }

  #skip(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  /** @param token sticky */
  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const match = token.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #problem(what: string): Error {
    return new Error(`the template ${this.#text} ${what} (character ${this.#at + 1})`);
  }
}
