/** What all pages share: layout, looks, and headers that let a page load and run nothing. */
import { createHash } from "node:crypto";
import { Html, html } from "./html.ts";

const STYLE = `
:root { color-scheme: light dark; --page: #f2f4f7; --card: #fff; --ink: #1c2128; --soft: #57606a; --line: #d5dae1;
  --accent: #1f5fd0; --on-accent: #fff; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14161a; --card: #1f2329; --ink: #f0f2f5; --soft: #a9b1bc; --line: #3a414c;
    --accent: #8ab8ff; --on-accent: #0b1220; --good: #56d364; --bad: #ff9a8f; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem .75rem 3rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 42rem; margin: 0 auto; }
main.narrow { max-width: 26rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 0; font-size: 1.05rem; line-height: 1.35; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
p:last-child { margin-bottom: 0; }
a { color: var(--accent); overflow-wrap: anywhere; }
.card { margin: 0 0 1rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
.soft { color: var(--soft); font-size: .875rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.notice { padding: .5rem .75rem; border: 1px dashed var(--line); border-radius: .5rem; color: var(--soft); font-size: .875rem; }
.code { font: 700 2rem/1.25 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; letter-spacing: .12em;
  overflow-wrap: anywhere; }
pre { margin: .75rem 0 0; padding: .75rem; background: var(--page); border-radius: .5rem; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
form { margin: 0; }
label { display: block; margin: 0 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .625rem .75rem; background: var(--card); color: var(--ink); border: 1px solid var(--soft);
  border-radius: .5rem; font: inherit; }
input.code { margin: 0 0 1rem; padding: .5rem .75rem; font: 700 1.5rem/1.25 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
button { padding: .625rem 1.25rem; background: var(--accent); color: var(--on-accent); border: 0; border-radius: .5rem;
  font: inherit; font-weight: 600; cursor: pointer; }
button.wide { width: 100%; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/** No frame around it, no trace in caches and referrers, no window left behind; and see `policyOf`. */
const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export interface PageContent {
  readonly title: string;
  readonly body: Html;
  readonly width: "narrow" | "wide";
  /** Language tag of its words. Default: `en`. */
  readonly lang?: string;
  /** Path of its icon, which lets it show images from here and from within itself. Default: none. */
  readonly icon?: string;
  /** Further CSS, after that of all pages. Default: none. */
  readonly style?: string;
  /** Path of a script of ours, which may fetch from here and nowhere else. Default: no script runs. */
  readonly script?: string;
  /** Whether the page has frames with pages of ours. Default: none. */
  readonly hasFrames?: boolean;
}

/** Answers a request with a page; to HEAD with its headers alone. */
export function pageResponse(
  request: Request,
  status: number,
  content: PageContent,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { title, body, width, lang = "en", icon, style, script } = content;
  const document = html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
${icon === undefined ? undefined : html`<link rel="icon" href="${icon}" type="image/svg+xml">\n`}<style>${new Html(STYLE)}</style>
${style === undefined ? undefined : html`<style>${new Html(style)}</style>\n`}${
    script === undefined ? undefined : html`<script src="${script}" defer></script>\n`
  }</head>
<body>
<main class="${width}">
${body}
</main>
</body>
</html>
`;
  const policy = { "content-security-policy": policyOf(content) };
  return textResponse(request, status, document.text, { ...PAGE_HEADERS, ...policy, ...headers });
}

/** What a page may load and run: its own styles, and what its content asks for (https://www.w3.org/TR/CSP3/). */
function policyOf({ style = "", icon, script, hasFrames = false }: Partial<PageContent>): string {
  const styles = [STYLE, style].filter((text) => text !== "").map((text) => `'sha256-${hashOf(text)}'`);
  return [
    "default-src 'none'",
    `style-src ${styles.join(" ")}`,
    ...(script === undefined ? [] : ["script-src 'self'", "connect-src 'self'"]),
    ...(icon === undefined ? [] : ["img-src 'self' data:"]),
    ...(hasFrames ? ["frame-src 'self'"] : []),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const hashes = new Map<string, string>();

function hashOf(style: string): string {
  let hash = hashes.get(style);
  if (hash === undefined) {
    hash = createHash("sha256").update(style).digest("base64");
    hashes.set(style, hash);
  }
  return hash;
}

/** Answers with JSON under the headers of pages. */
export function jsonResponse(
  request: Request,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const contentType = { "content-type": "application/json; charset=utf-8" };
  return textResponse(request, status, `${JSON.stringify(body)}\n`, {
    ...PAGE_HEADERS,
    "content-security-policy": policyOf({}),
    ...contentType,
    ...headers,
  });
}

/**
 * Answers with a part of a page: its script, a frame, a file to keep. It loads and runs nothing unless `headers` say so.
 *
 * @param headers with its content-type
 */
export function partResponse(
  request: Request,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): Response {
  const policy = { "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'" };
  return textResponse(request, 200, body, { ...PAGE_HEADERS, ...policy, ...headers });
}

function textResponse(
  request: Request,
  status: number,
  text: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(request.method === "HEAD" ? null : text, { status, headers });
}
