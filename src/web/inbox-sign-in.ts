/** The form that takes the admin token where the inbox is not on loopback, and what it leads to. */
import { hashToken } from "../access/token.ts";
import { networkOf } from "../verification/client-network.ts";
import { html, type Html } from "./html.ts";
import type { InboxSessions } from "./inbox-sessions.ts";
import { pageResponse } from "./page.ts";
import { isCrossSite } from "./request-origin.ts";

export const SIGN_IN_PATH = "/inbox/sign-in";
export const SIGN_OUT_PATH = "/inbox/sign-out";

export interface SignInOptions {
  readonly sessions: InboxSessions;
  /** Whether the token with this hash (access/token.ts) is the admin's. */
  readonly isAdminToken: (tokenHash: string) => Promise<boolean>;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
}

type InboxPage = (request: Request, peer: { readonly address: string }) => Promise<Response>;

const TITLE = "Dev inbox";
const FORM_TYPE = "application/x-www-form-urlencoded";

/** The page in place of one that may not be read. */
export function signInResponse(request: Request, headers: Readonly<Record<string, string>>): Response {
  const { pathname, search } = new URL(request.url);
  return show(request, 401, form(ownPath(pathname + search)), headers);
}

/** Serves POST SIGN_IN_PATH, and GET for who comes back to it. */
export function createSignInPage({ sessions, isAdminToken, nowMs }: SignInOptions): InboxPage {
  const limit = new WrongTokenLimit(nowMs);
  return async (request, { address }) => {
    if (request.method === "GET" || request.method === "HEAD") return seeOther("/inbox");
    const problem = postProblem(request);
    if (problem !== undefined) return problem;
    const network = networkOf(address);
    const waitMs = limit.waitMs(network);
    if (waitMs > 0) {
      const text = html`<p class="bad">Too many wrong tokens came from your network. Wait a few minutes, then try again.</p>`;
      return show(request, 429, text, { "retry-after": String(Math.ceil(waitMs / 1_000)) });
    }
    const fields = new URLSearchParams(await request.text());
    const next = ownPath(fields.get("next") ?? "");
    const tokenHash = hashToken((fields.get("token") ?? "").trim());
    if (!(await isAdminToken(tokenHash))) {
      limit.wrong(network);
      const text = html`<p class="bad">This is not the admin token.</p>
${form(next)}`;
      return show(request, 403, text);
    }
    return seeOther(next, sessions.begin(tokenHash));
  };
}

/** Serves POST SIGN_OUT_PATH, and GET for who comes back to it. */
export function createSignOutPage({ sessions }: Pick<SignInOptions, "sessions">): InboxPage {
  return (request) => {
    if (request.method === "GET" || request.method === "HEAD") return Promise.resolve(seeOther("/inbox"));
    return Promise.resolve(postProblem(request) ?? seeOther("/inbox", sessions.end(request)));
  };
}

function postProblem(request: Request): Response | undefined {
  if (request.method !== "POST") {
    return show(request, 405, html`<p>Only the form of this page can be sent here.</p>`, {
      allow: "GET, HEAD, POST",
    });
  }
  if (isCrossSite(request)) return show(request, 403, html`<p>This came from another website.</p>`);
  const type = (request.headers.get("content-type") ?? "").split(";", 1).join("").trim().toLowerCase();
  if (type === FORM_TYPE) return undefined;
  return show(request, 415, html`<p>Only the form of this page can be sent here.</p>`, { accept: FORM_TYPE });
}

/** Where to go on: a page of the inbox, whatever the field says. */
function ownPath(text: string): string {
  return /^\/inbox(?:\/mail)?(?:\?[\w%=&+.~-]*)?$/.test(text) ? text : "/inbox";
}

function form(next: string): Html {
  return html`<p>The inbox shows the codes of all mails. Beyond this machine it opens with the admin token; the start of the service prints where that is.</p>
<form method="post" action="${SIGN_IN_PATH}">
<input type="hidden" name="next" value="${next}">
<label for="token">Admin token</label>
<input class="token" id="token" name="token" type="password" required autofocus maxlength="512" autocomplete="current-password" autocapitalize="off" autocorrect="off" spellcheck="false">
<button class="wide" type="submit">Open the inbox</button>
</form>`;
}

function show(
  request: Request,
  status: number,
  content: Html,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = html`<div class="card">
<h1>${TITLE}</h1>
${content}
</div>`;
  const style = "input.token { margin: 0 0 1rem; }";
  return pageResponse(request, status, { title: TITLE, body, width: "narrow", style }, headers);
}

function seeOther(path: string, cookie?: string): Response {
  const headers = { location: path, "cache-control": "no-store" };
  return new Response(null, {
    status: 303,
    headers: cookie === undefined ? headers : { ...headers, "set-cookie": cookie },
  });
}

const WRONG_TOKENS = 10;
const WINDOW_MS = 5 * 60_000;
/** The oldest is forgotten for a new one: memory has an end, and nobody guesses 192 random bits. */
const MAX_NETWORKS = 1_000;

/** So many wrong tokens from one network within the window, and no more are looked at before its end. */
class WrongTokenLimit {
  readonly #nowMs: () => number;
  readonly #windows = new Map<string, { readonly endsAtMs: number; count: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @returns 0 where a token may be tried */
  waitMs(network: string): number {
    const window = this.#windows.get(network);
    if (window === undefined || window.count < WRONG_TOKENS) return 0;
    return Math.max(0, window.endsAtMs - this.#nowMs());
  }

  wrong(network: string): void {
    const window = this.#windows.get(network);
    if (window !== undefined && window.endsAtMs > this.#nowMs()) {
      window.count += 1;
      return;
    }
    this.#windows.delete(network);
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined && this.#windows.size >= MAX_NETWORKS) this.#windows.delete(oldest);
    this.#windows.set(network, { endsAtMs: this.#nowMs() + WINDOW_MS, count: 1 });
  }
}
