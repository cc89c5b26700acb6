// Who a browser is: a random cookie per sign-up. In memory, which is enough for an example.
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface Session {
  readonly userId: string;
  readonly email: string;
}

const COOKIE = "session";
const sessions = new Map<string, Session>();

/** @returns the header Set-Cookie. Behind TLS it should say Secure as well. */
export function startSession(session: Session): string {
  const id = randomBytes(24).toString("base64url");
  sessions.set(id, session);
  return `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Strict`;
}

export function sessionOf(request: IncomingMessage): Session | undefined {
  const cookies = (request.headers.cookie ?? "").split("; ");
  const id = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  return id === undefined ? undefined : sessions.get(id);
}
