/**
 * The template of a verification link.
 *
 * ZITADEL executes Go's text/template here. Countersign accepts the part of that language that links use and parses
 * it to a small tree: literal text and actions `{{.UserID}}`, `{{.Code}}`, `{{.OrgID}}`, with blanks, trim marks
 * (`{{- .Code -}}`) and an optional `| urlquery`. Nothing is executed.
 *
 * What may be linked: an absolute http(s) URL without credentials, whose scheme and host are literal text, whose
 * host the policy allows. Values are percent-encoded where they stand, so a value can never leave its place in
 * path, query or fragment.
 */
import { failure, type Failure } from "./failures.ts";

export type LinkField = "UserID" | "Code" | "OrgID";
export type LinkValues = Readonly<Record<LinkField, string>>;

/** Literal text and fields in order. */
export type LinkTemplate = readonly (string | { readonly field: LinkField })[];

/** Which hosts a caller's template may link to. */
export interface LinkPolicy {
  /**
   * Host names, `host:port`, or `*.example.com` for every subdomain. Undefined: any https host, and http on loopback.
   */
  readonly allowedHosts: readonly string[] | undefined;
}

export type LinkTemplateResult =
  | { readonly ok: true; readonly template: LinkTemplate }
  | { readonly ok: false; readonly failure: Failure };

const ACTION = /\{\{(?:-(?=\s))?\s*\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:\|\s*urlquery\s*)?(?:(?<=\s)-)?\}\}/y;
const TRIM_LEFT = /^\{\{-/;
const TRIM_RIGHT = /-\}\}$/;
const FIELDS: ReadonlySet<string> = new Set<LinkField>(["UserID", "Code", "OrgID"]);

// Characters that no URL may hold unencoded (RFC 3986 section 2), the backslash, which browsers read as a slash, and a
// percent sign without its two digits, which would take them from the value that follows.
// oxlint-disable-next-line no-control-regex -- control characters are what it keeps out
const NEVER_IN_URL = /[\u0000-\u0020\u007F"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})/;
// Scheme and authority must be literal and complete before the first field.
const ORIGIN = /^https?:\/\/[^/?#]+(?=[/?#])/i;

/** Parses the template alone, without asking whether its host is allowed. */
export function parseLinkTemplate(text: string): LinkTemplateResult {
  const nodes: (string | { field: LinkField })[] = [];
  let position = 0;
  let trimNext = false;
  let allKnown = true;
  while (position < text.length) {
    const open = text.indexOf("{{", position);
    let literal = text.slice(position, open === -1 ? undefined : open);
    if (trimNext) literal = literal.trimStart();
    if (open === -1) {
      nodes.push(literal);
      break;
    }
    ACTION.lastIndex = open;
    const action = ACTION.exec(text);
    if (action === null) return refuse("URL_TEMPLATE_MALFORMED", "unknown action");
    const [source, field = ""] = action;
    allKnown &&= FIELDS.has(field);
    nodes.push(TRIM_LEFT.test(source) ? literal.trimEnd() : literal, { field: field as LinkField });
    trimNext = TRIM_RIGHT.test(source);
    position = open + source.length;
  }
  // After the last action: in ZITADEL an unknown field shows only when a template that parses is executed.
  if (!allKnown) return refuse("URL_TEMPLATE_UNKNOWN_FIELD", "unknown field");
  const template = nodes.filter((node) => node !== "");
  if (template.some((node) => typeof node === "string" && NEVER_IN_URL.test(node))) {
    return refuse("URL_TEMPLATE_MALFORMED", "a character that has to be percent-encoded");
  }
  return { ok: true, template };
}

/** Parses a caller's template and checks where it leads. */
export function checkLinkTemplate(text: string, policy: LinkPolicy): LinkTemplateResult {
  const parsed = parseLinkTemplate(text);
  if (!parsed.ok) return parsed;
  const head = typeof parsed.template[0] === "string" ? parsed.template[0] : "";
  const literalOrigin = parsed.template.length > 1 ? ORIGIN.test(head) : /^https?:\/\/[^/?#]/i.test(head);
  if (!literalOrigin)
    return refuse("URL_TEMPLATE_MALFORMED", "not an absolute http(s) URL with a fixed host");
  const url = URL.parse(render(parsed.template, { UserID: "1", Code: "1", OrgID: "1" }));
  if (url === null) return refuse("URL_TEMPLATE_MALFORMED", "not a URL");
  // The text too, for the URL parser forgets an empty "user@".
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/?#]*@/i.test(head)) {
    return refuse("URL_TEMPLATE_MALFORMED", "credentials in the URL");
  }
  return isAllowed(url, policy) ? parsed : refuse("URL_TEMPLATE_HOST_REFUSED", "host");
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

function isAllowed(url: URL, policy: LinkPolicy): boolean {
  if (url.protocol !== "https:" && !isLoopback(url.hostname)) return false;
  if (policy.allowedHosts === undefined) return true;
  return policy.allowedHosts.some((allowed) =>
    allowed.startsWith("*.")
      ? url.hostname.endsWith(allowed.slice(1))
      : allowed === url.hostname || allowed === url.host,
  );
}

/** RFC 6761 section 6.3 names and the loopback addresses, as WHATWG URL spells host names. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

function refuse(
  name: "URL_TEMPLATE_MALFORMED" | "URL_TEMPLATE_UNKNOWN_FIELD" | "URL_TEMPLATE_HOST_REFUSED",
  problem: string,
): LinkTemplateResult {
  return { ok: false, failure: failure(name, { metadata: { problem } }) };
}
