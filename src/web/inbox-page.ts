/**
 * The dev inbox in a browser, and as JSON for scripts; other projects' tests have InboxService.
 *
 *     /inbox               the list; ?search= part of an address, ?to= a whole one, ?format=json
 *     /inbox/mail          one mail; ?id=, ?view=html, text or source
 *     /inbox/mail/html     its HTML, for the frame on that page
 *     /inbox/mail/source   its source as a file
 *     /inbox/news          answers once there is a mail that the list does not show yet
 *     /inbox/inbox.js      the script of these pages; they can do without
 *     /inbox/sign-in, -out where the inbox is not on loopback
 *
 * Who may read is decided in inbox-access.ts, before anything else.
 */
import type { InboxFilter, InboxMail, InboxReader } from "../store/inbox.ts";
import { FailureError } from "../verification/failures.ts";
import { html } from "./html.ts";
import { LOOPBACK_ACCESS, tokenAccess, type InboxAccess, type InboxRefusal } from "./inbox-access.ts";
import { listBody } from "./inbox-list-view.ts";
import {
  FRAME_HEADERS,
  FRAME_PATH,
  frameDocument,
  isMailView,
  mailBody,
  SOURCE_PATH,
  sourceFileName,
} from "./inbox-mail-view.ts";
import { INBOX_SCRIPT, SCRIPT_PATH } from "./inbox-script.ts";
import { InboxSessions, type InboxSessionsOptions } from "./inbox-sessions.ts";
import {
  createSignInPage,
  createSignOutPage,
  SIGN_IN_PATH,
  SIGN_OUT_PATH,
  signInResponse,
} from "./inbox-sign-in.ts";
import { INBOX_STYLE } from "./inbox-style.ts";
import { jsonResponse, pageResponse, partResponse } from "./page.ts";

export interface InboxPagesOptions {
  readonly inbox: InboxReader;
  /** Beyond loopback: who may sign in. Without it only loopback names are served, and everybody on this machine may read. */
  readonly signIn?: InboxSignIn;
}

export interface InboxSignIn extends InboxSessionsOptions {
  /** Whether the token with this hash (access/token.ts) is the admin's. */
  readonly isAdminToken: (tokenHash: string) => Promise<boolean>;
}

export type InboxPage = (request: Request, peer: { readonly address: string }) => Promise<Response>;

/** What a page answers a request that may read. */
type Answer = (request: Request, query: URLSearchParams) => Promise<Response> | Response;

const TITLE = "Dev inbox";
const PAGE_SIZE = 50;
const MAX_LIMIT = 100;
/** How long a question for news stays open: below the patience of proxies. */
const NEWS_TIMEOUT_MS = 25_000;

/** @returns the pages by their exact paths */
export function createInboxPages({ inbox, signIn }: InboxPagesOptions): ReadonlyMap<string, InboxPage> {
  const sessions = signIn && new InboxSessions(signIn);
  const access =
    sessions === undefined || signIn === undefined
      ? LOOPBACK_ACCESS
      : tokenAccess(signIn.isAdminToken, sessions);
  const pages = new Map<string, InboxPage>();
  const add = (path: string, answer: Answer) => pages.set(path, guarded(access, answer));
  add("/inbox", (request, query) => answerList(request, query, inbox, access));
  add("/inbox/mail", (request, query) => withMail(request, query, inbox, answerMail));
  add(FRAME_PATH, (request, query) => withMail(request, query, inbox, answerFrame));
  add(SOURCE_PATH, (request, query) => withMail(request, query, inbox, answerSource));
  add("/inbox/news", (request, query) => answerNews(request, query, inbox));
  add(SCRIPT_PATH, (request) => partResponse(request, INBOX_SCRIPT, SCRIPT_HEADERS));
  if (sessions !== undefined && signIn !== undefined) {
    pages.set(SIGN_IN_PATH, createSignInPage({ ...signIn, sessions }));
    pages.set(SIGN_OUT_PATH, createSignOutPage({ sessions }));
  }
  return pages;
}

const SCRIPT_HEADERS = { "content-type": "text/javascript; charset=utf-8" };

function guarded(access: InboxAccess, answer: Answer): InboxPage {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const refusal = await access.refusalOf(request);
    if (refusal !== undefined) {
      const isPage = pathname === "/inbox" || pathname === "/inbox/mail";
      const canSignIn = refusal.status === 401 && access.sessions !== undefined && isPage;
      if (canSignIn && !prefersJson(request, searchParams)) {
        return signInResponse(request, refusal.headers ?? {});
      }
      return problem(request, searchParams, refusal);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      const text = "The inbox can only be read.";
      return problem(request, searchParams, { status: 405, problem: text, headers: { allow: "GET, HEAD" } });
    }
    return answer(request, searchParams);
  };
}

async function answerList(
  request: Request,
  query: URLSearchParams,
  inbox: InboxReader,
  access: InboxAccess,
): Promise<Response> {
  const limit = parseLimit(query.get("limit"));
  if (limit === undefined) {
    const text = `limit has to be a whole number from 1 to ${MAX_LIMIT}.`;
    return problem(request, query, { status: 400, problem: text });
  }
  const { to = "", search = "" } = filterOf(query);
  const before = query.get("before") ?? "";
  const page = await inbox.list({
    ...filterOf(query),
    ...(before !== "" && { beforeMailId: before }),
    limit,
  });
  if (prefersJson(request, query)) {
    const mails = await Promise.all(page.mails.map(({ mailId }) => inbox.find(mailId)));
    return jsonResponse(request, 200, {
      mails: mails.filter((mail) => mail !== undefined).map(mailJson),
    });
  }
  const body = listBody(page, { search, to, before }, access.sessions?.tokenHashOf(request) !== undefined);
  return pageResponse(request, 200, {
    title: TITLE,
    body,
    width: "wide",
    style: INBOX_STYLE,
    script: SCRIPT_PATH,
  });
}

async function withMail(
  request: Request,
  query: URLSearchParams,
  inbox: InboxReader,
  answer: (request: Request, query: URLSearchParams, mail: InboxMail) => Response,
): Promise<Response> {
  const mail = await inbox.find(query.get("id") ?? "");
  if (mail !== undefined) return answer(request, query, mail);
  const text = "There is no such mail. The inbox keeps the newest 500.";
  return problem(request, query, { status: 404, problem: text });
}

function answerMail(request: Request, query: URLSearchParams, mail: InboxMail): Response {
  if (prefersJson(request, query)) return jsonResponse(request, 200, mailJson(mail));
  const view = query.get("view") ?? "html";
  return pageResponse(request, 200, {
    title: `${mail.subject} - ${TITLE}`,
    body: mailBody(mail, isMailView(view) ? view : "html"),
    width: "wide",
    style: INBOX_STYLE,
    script: SCRIPT_PATH,
    hasFrames: true,
  });
}

function answerFrame(request: Request, _query: URLSearchParams, mail: InboxMail): Response {
  return partResponse(request, frameDocument(mail.html), FRAME_HEADERS);
}

function answerSource(request: Request, _query: URLSearchParams, mail: InboxMail): Response {
  return partResponse(request, mail.source, {
    "content-type": "message/rfc822",
    "content-disposition": `attachment; filename="${sourceFileName(mail)}"`,
  });
}

/** `{"changed": true}` once there is a mail that is newer than `after`, false when the time is over. */
async function answerNews(request: Request, query: URLSearchParams, inbox: InboxReader): Promise<Response> {
  const after = query.get("after") ?? "";
  try {
    const mail = await inbox.waitFor({
      ...filterOf(query),
      ...(after !== "" && { afterMailId: after }),
      timeoutMs: NEWS_TIMEOUT_MS,
      signal: request.signal,
    });
    return jsonResponse(request, 200, { changed: mail !== undefined });
  } catch (error) {
    // Nobody reads this.
    if (request.signal.aborted) return jsonResponse(request, 200, { changed: false });
    if (!(error instanceof FailureError)) throw error;
    // The list shows a mail that is gone.
    if (error.failure.name === "INBOX_MAIL_NOT_FOUND") return jsonResponse(request, 200, { changed: true });
    return jsonResponse(request, 503, { error: error.message }, { "retry-after": "2" });
  }
}

function filterOf(query: URLSearchParams): InboxFilter {
  const to = query.get("to")?.trim() ?? "";
  const search = query.get("search")?.trim() ?? "";
  return { ...(to !== "" && { to }), ...(search !== "" && { search }) };
}

function mailJson({ mailId, receivedAtMs, from, to, subject, text, html: itsHtml, code, link }: InboxMail) {
  return {
    deliveryId: mailId,
    receivedAt: new Date(receivedAtMs).toISOString(),
    from,
    to,
    subject,
    text,
    html: itsHtml,
    code,
    link,
  };
}

interface Problem extends Omit<InboxRefusal, "status"> {
  readonly status: number;
}

function problem(
  request: Request,
  query: URLSearchParams,
  { status, problem: text, headers }: Problem,
): Response {
  if (prefersJson(request, query)) return jsonResponse(request, status, { error: text }, headers);
  const body = html`<div class="card">
<h1>${TITLE}</h1>
<p>${text}</p>
</div>`;
  return pageResponse(request, status, { title: TITLE, body, width: "narrow" }, headers);
}

/** @returns undefined for what is no limit */
function parseLimit(text: string | null): number | undefined {
  if (text === null || text === "") return PAGE_SIZE;
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
