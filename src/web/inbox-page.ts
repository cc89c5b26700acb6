/**
 * The dev inbox as a page, and as JSON for tests and scripts.
 *
 * It shows codes, so it is open only to this machine: by the listener, and by the name that the browser asked for. With a
 * token it may be elsewhere.
 */
import { html, type Html } from "./html.ts";
import { jsonResponse, pageResponse } from "./page.ts";
import { asksForLoopback } from "./request-origin.ts";

/** A mail as shown; all of it text. */
export interface InboxMail {
  readonly deliveryId: string;
  /** ISO 8601, UTC. */
  readonly receivedAt: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly code: string;
  readonly link: string;
}

export interface InboxPageOptions {
  /** Newest first. @param options `to`: only mails to this address, whatever its case */
  readonly readInbox: (options: {
    readonly limit: number;
    readonly to?: string;
  }) => Promise<readonly InboxMail[]>;
  /** Whether the request carries a token that opens the inbox. Without this option only loopback names are served. */
  readonly requireToken?: (request: Request) => Promise<boolean>;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;
const TITLE = "Dev inbox";

/** Serves GET and HEAD /inbox. */
export function createInboxPage({
  readInbox,
  requireToken,
}: InboxPageOptions): (request: Request, peer: { readonly address: string }) => Promise<Response> {
  return async (request) => {
    const query = new URL(request.url).searchParams;
    const reply = prefersJson(request, query) ? jsonReply : pageReply;
    if (requireToken === undefined && !asksForLoopback(request)) {
      const problem =
        "The dev inbox is only served under a name of this machine: open it as http://localhost or http://127.0.0.1.";
      return reply.problem(request, 403, problem);
    }
    if (requireToken !== undefined && !(await requireToken(request))) {
      const problem = "The dev inbox needs the admin token: send it as Authorization: Bearer <token>.";
      return reply.problem(request, 401, problem, { "www-authenticate": 'Bearer realm="countersign"' });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return reply.problem(request, 405, "The inbox can only be read.", { allow: "GET, HEAD" });
    }
    const limit = parseLimit(query.get("limit"));
    if (limit === undefined) {
      return reply.problem(request, 400, `limit has to be a whole number from 1 to ${MAX_LIMIT}.`);
    }
    const to = query.get("to")?.trim() ?? "";
    return reply.mails(request, await readInbox(to === "" ? { limit } : { limit, to }), to);
  };
}

interface Reply {
  mails(request: Request, mails: readonly InboxMail[], to: string): Response;
  problem(
    request: Request,
    status: number,
    problem: string,
    headers?: Readonly<Record<string, string>>,
  ): Response;
}

const jsonReply: Reply = {
  mails: (request, mails) => jsonResponse(request, 200, { mails }),
  problem: (request, status, problem, headers) => jsonResponse(request, status, { error: problem }, headers),
};

const pageReply: Reply = {
  mails: (request, mails, to) =>
    pageResponse(request, 200, { title: TITLE, body: inbox(mails, to), width: "wide" }),
  problem: (request, status, problem, headers) => {
    const body = html`<div class="card">
<h1>${TITLE}</h1>
<p>${problem}</p>
</div>`;
    return pageResponse(request, status, { title: TITLE, body, width: "narrow" }, headers);
  },
};

function inbox(mails: readonly InboxMail[], to: string): Html {
  return html`<h1>${TITLE}</h1>
<p class="notice">Dev inbox: mails stay on this machine. Nothing that you see here was sent to anybody.</p>
<form class="filter" method="get" action="/inbox">
<input type="text" inputmode="email" name="to" value="${to}" placeholder="Only mails to this address" aria-label="Only mails to this address" autocomplete="off">
<button type="submit">${to === "" ? "Refresh" : "Show"}</button>
</form>
${mails.length === 0 ? emptyInbox(to) : mails.map(mailCard)}`;
}

function emptyInbox(to: string): Html {
  return to === ""
    ? html`<p>No mails yet. Ask for a code, then reload this page.</p>`
    : html`<p>No mails to ${to}. <a href="/inbox">Show all mails</a></p>`;
}

function mailCard({ receivedAt, to, subject, code, link, text }: InboxMail): Html {
  return html`<article class="card mail">
<h2>${subject}</h2>
<p class="soft meta">To ${to}<br><time datetime="${receivedAt}">${readableTime(receivedAt)}</time></p>
<p class="code">${code}</p>
<p>${linkTo(link)}</p>
<pre>${text}</pre>
</article>
`;
}

function linkTo(link: string): Html {
  return /^https?:/i.test(link) ? html`<a href="${link}" rel="noreferrer">${link}</a>` : html`${link}`;
}

/** `2026-11-22 21:05:03 UTC` */
function readableTime(iso: string): string {
  return iso.replace(/^(\S+)T(\d\d:\d\d:\d\d).*Z$/, "$1 $2 UTC");
}

/** @returns undefined for what is no limit */
function parseLimit(text: string | null): number | undefined {
  if (text === null || text === "") return DEFAULT_LIMIT;
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined;
}

/** `?format=json`, or an Accept header that names JSON and does not like HTML as much. */
function prefersJson(request: Request, query: URLSearchParams): boolean {
  const format = query.get("format");
  if (format !== null) return format.toLowerCase() === "json";
  const weights = acceptedTypes(request.headers.get("accept") ?? "");
  const json = weights.get("application/json") ?? 0;
  return json > (weights.get("text/html") ?? 0);
}

/** Media types and their weights, RFC 9110 section 12.5.1. */
function acceptedTypes(accept: string): ReadonlyMap<string, number> {
  return new Map(
    accept.split(",").map((range) => {
      const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
      return [type, weight === undefined ? 1 : Number(weight) || 0];
    }),
  );
}
