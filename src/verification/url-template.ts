/**
 * The template of a verification link.
 *
 * ZITADEL executes Go's text/template here. Countersign accepts the part of that language that links use and parses
 * it to a small tree: literal text and actions `{{.UserID}}`, `{{.Code}}`, `{{.OrgID}}`, with blanks, trim marks
 * (`{{- .Code -}}`) and an optional `| urlquery`. Nothing is executed.
 *
 * What may be linked: an absolute http(s) URL without credentials, whose scheme and host are literal text, or
 * `myapp://...` where the app's scheme is listed; the policy says which hosts and apps. Values are percent-encoded where
 * they stand, so a value can never leave its place in path, query or fragment. One thing cannot be encoded: a path
 * segment of one or two dots, which every reader of URLs takes out of the path, `%2e` too (WHATWG URL, "double-dot URL
 * path segment"). So a template that has one, or gets one by the ids of its user, is refused.
 */
import { failure, type Failure } from "./failures.ts";
import { isAllowedTarget, mayBeAnApp } from "./link-target.ts";

export type LinkField = "UserID" | "Code" | "OrgID";
export type LinkValues = Readonly<Record<LinkField, string>>;

/** Literal text and fields in order. */
export type LinkTemplate = readonly (string | { readonly field: LinkField })[];

/** Where a caller's template may lead. */
export interface LinkPolicy {
  /** As `parseLinkTarget` returns them. Undefined: any https host, http on loopback, and no app. */
  readonly allowedHosts: readonly string[] | undefined;
}

/** The ids that the link will carry, as far as they are known. */
export interface LinkIds {
  readonly userId: string;
  readonly organizationId: string;
}

export type LinkTemplateResult =
  | { readonly ok: true; readonly template: LinkTemplate }
  | { readonly ok: false; readonly failure: Failure };

// Blanks are Go's.
const ACTION =
  /\{\{(?:-(?=[ \t\r\n]))?[ \t\r\n]*\.([A-Za-z_][A-Za-z0-9_]*)[ \t\r\n]*(?:\|[ \t\r\n]*urlquery[ \t\r\n]*)?(?:(?<=[ \t\r\n])-)?\}\}/y;
const TRIM_LEFT = /^\{\{-/;
const TRIM_RIGHT = /-\}\}$/;
const BLANKS_AT_START = /^[ \t\r\n]+/;
const FIELDS: ReadonlySet<string> = new Set<LinkField>(["UserID", "Code", "OrgID"]);

/** With the 200 characters that a template has at most, and ids of 200, no link is longer than the 16 KiB that servers take. */
const MAX_PLACEHOLDERS = 6;

// Characters that no URL may hold unencoded (RFC 3986 section 2), the backslash, which browsers read as a slash, a
// percent sign without its two digits, which would take them from the value that follows, and what nobody sees: control
// and format characters (among them those that turn the direction of writing), separators, lone surrogates.
const NEVER_IN_URL = /[\p{Cc}\p{Cf}\p{Cs}\p{Z}"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})/u;
// Scheme and authority, which are complete before the first placeholder.
const ORIGIN = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)/i;
/** What stands between `myapp://` and the path: plain text for the app, which has no resolver to ask. */
const APP_AUTHORITY = /^[A-Za-z0-9._-]*$/;
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/** Parses the template alone, without asking whether its host is allowed. */
export function parseLinkTemplate(text: string): LinkTemplateResult {
  const nodes: (string | { field: LinkField })[] = [];
  let position = 0;
  let trimNext = false;
  let allKnown = true;
  while (position < text.length) {
    const open = text.indexOf("{{", position);
    let literal = text.slice(position, open === -1 ? undefined : open);
    if (trimNext) literal = literal.replace(BLANKS_AT_START, "");
    if (open === -1) {
      nodes.push(literal);
      break;
    }
    ACTION.lastIndex = open;
    const action = ACTION.exec(text);
    if (action === null) return refuse("URL_TEMPLATE_MALFORMED", "unknown action");
    const [source, field = ""] = action;
    allKnown &&= FIELDS.has(field);
    nodes.push(TRIM_LEFT.test(source) ? withoutBlanksAtEnd(literal) : literal, { field: field as LinkField });
    trimNext = TRIM_RIGHT.test(source);
    position = open + source.length;
  }
  // After the last action: in ZITADEL an unknown field shows only when a template that parses is executed.
  if (!allKnown) return refuse("URL_TEMPLATE_UNKNOWN_FIELD", "unknown field");
  const template = nodes.filter((node) => node !== "");
  if (template.filter((node) => typeof node !== "string").length > MAX_PLACEHOLDERS) {
    return refuse("URL_TEMPLATE_MALFORMED", `more than ${MAX_PLACEHOLDERS} placeholders`);
  }
  if (template.some((node) => typeof node === "string" && NEVER_IN_URL.test(node))) {
    return refuse("URL_TEMPLATE_MALFORMED", "a character that has to be percent-encoded");
  }
  return { ok: true, template };
}

/**
 * Parses a caller's template and checks where it leads. With several allow-lists, call it with each.
 *
 * @param ids of the user, where they are known already
 */
export function checkLinkTemplate(
  text: string,
  policy: LinkPolicy,
  { userId, organizationId }: LinkIds = { userId: "", organizationId: "" },
): LinkTemplateResult {
  const parsed = parseLinkTemplate(text);
  if (!parsed.ok) return parsed;
  const { template } = parsed;
  const problem = originProblem(template);
  if (problem !== undefined) return refuse("URL_TEMPLATE_MALFORMED", problem);
  // Codes are longer than a segment of dots.
  const rendered = render(template, { UserID: userId || "1", Code: "1", OrgID: organizationId || "1" });
  if (hasDotSegment(rendered)) {
    return refuse("URL_TEMPLATE_MALFORMED", "a segment of the path that is . or .., which URLs leave out");
  }
  const url = URL.parse(rendered);
  if (url === null) return refuse("URL_TEMPLATE_MALFORMED", "not a URL");
  if (isAllowedTarget(url, policy.allowedHosts)) return parsed;
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  return refuse("URL_TEMPLATE_HOST_REFUSED", isWeb ? "host" : "scheme", {
    host: isWeb ? url.host : url.protocol,
  });
}

/** What is wrong with the template's literal beginning, if anything. */
function originProblem(template: LinkTemplate): string | undefined {
  const head = typeof template[0] === "string" ? template[0] : "";
  const [origin = "", scheme = "", authority = ""] = ORIGIN.exec(head) ?? [];
  const isWeb = /^https?:$/i.test(scheme);
  const isLink = isWeb ? authority !== "" : mayBeAnApp(scheme);
  const isComplete = template.length === 1 || head.length > origin.length;
  if (!isLink || !isComplete) return "not an absolute http(s) URL with a fixed host";
  // In the text, for the URL parser forgets an empty "user@".
  if (authority.includes("@")) return "credentials in the URL";
  if (!isWeb && !APP_AUTHORITY.test(authority)) return "no plain name between :// and the path";
  return undefined;
}

/** Whether URL parsers would take a segment out of the path. */
function hasDotSegment(url: string): boolean {
  const path = url.replace(ORIGIN, "").replace(/[?#].*$/s, "");
  return path.split("/").some((segment) => DOT_SEGMENT.test(segment));
}

/** Fills in the values; the result is a normalized URL (A-labels, percent-encoding). */
export function renderLink(template: LinkTemplate, values: LinkValues): string {
  return new URL(render(template, values)).href;
}

function render(template: LinkTemplate, values: LinkValues): string {
  // toWellFormed: encodeURIComponent throws on a lone surrogate, which a JSON request can carry in an id.
  return template
    .map((node) => (typeof node === "string" ? node : encodeURIComponent(values[node.field].toWellFormed())))
    .join("");
}

function withoutBlanksAtEnd(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\r\n".includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

function refuse(
  name: "URL_TEMPLATE_MALFORMED" | "URL_TEMPLATE_UNKNOWN_FIELD" | "URL_TEMPLATE_HOST_REFUSED",
  problem: string,
  metadata: Readonly<Record<string, string>> = {},
): LinkTemplateResult {
  return { ok: false, failure: failure(name, { metadata: { problem, ...metadata } }) };
}
