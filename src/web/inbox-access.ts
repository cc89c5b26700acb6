/**
 * Who may read the dev inbox. It shows codes.
 *
 * On a loopback listener everybody on this machine may, as long as the browser asked for this machine by its own name: a
 * page elsewhere can point its name here (DNS rebinding), but its requests carry that name. Beyond loopback the admin
 * token opens it: as `Authorization: Bearer` for programs, or typed into a form once for browsers, which get a session
 * (inbox-sessions.ts) in a cookie that scripts cannot read and other sites' requests do not carry.
 *
 * Either way a request that another site's page makes the browser send is refused, unless it opens the inbox as a page of
 * its own, where that site cannot look.
 */
import { hashToken } from "../access/token.ts";
import type { InboxSessions } from "./inbox-sessions.ts";
import { asksForLoopback, isCrossSite } from "./request-origin.ts";

export interface InboxRefusal {
  readonly status: 401 | 403;
  readonly problem: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface InboxAccess {
  /** @returns why the request may not read, or undefined */
  refusalOf(request: Request): Promise<InboxRefusal | undefined>;
  /** Where people sign in; undefined where nobody has to. */
  readonly sessions: InboxSessions | undefined;
}

export const LOOPBACK_ACCESS: InboxAccess = {
  sessions: undefined,
  refusalOf(request) {
    const refusal = asksForLoopback(request) ? crossSiteRefusal(request) : NOT_LOOPBACK;
    return Promise.resolve(refusal);
  },
};

/** @param isAdminToken whether the token with this hash (access/token.ts) is the admin's */
export function tokenAccess(
  isAdminToken: (tokenHash: string) => Promise<boolean>,
  sessions: InboxSessions,
): InboxAccess {
  return {
    sessions,
    async refusalOf(request) {
      const token = bearerToken(request);
      const hash = token === undefined ? sessions.tokenHashOf(request) : hashToken(token);
      if (hash === undefined || !(await isAdminToken(hash))) return NO_TOKEN;
      return crossSiteRefusal(request);
    },
  };
}

const NOT_LOOPBACK: InboxRefusal = {
  status: 403,
  problem:
    "The dev inbox is only served under a name of this machine: open it as http://localhost or http://127.0.0.1.",
};

const NO_TOKEN: InboxRefusal = {
  status: 401,
  problem: "The dev inbox needs the admin token: send it as Authorization: Bearer <token>.",
  headers: { "www-authenticate": 'Bearer realm="countersign"' },
};

function crossSiteRefusal(request: Request): InboxRefusal | undefined {
  if (!isCrossSite(request) || opensPage(request)) return undefined;
  return { status: 403, problem: "Pages of other sites cannot read the dev inbox." };
}

/** Fetch metadata (https://www.w3.org/TR/fetch-metadata/): a link that somebody followed, not a frame and not a script. */
function opensPage({ method, headers }: Request): boolean {
  return (
    (method === "GET" || method === "HEAD") &&
    headers.get("sec-fetch-mode") === "navigate" &&
    headers.get("sec-fetch-dest") === "document"
  );
}

function bearerToken(request: Request): string | undefined {
  return /^bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}
