/**
 * Sessions of browsers that showed the admin token, in memory: a restart ends them all.
 *
 * The cookie holds 256 random bits and nothing else; here lies its hash. A session ends an hour after it was last used,
 * twelve hours after it began, when somebody signs out, and with the token: that is looked up again at every request.
 */
import { createHash, timingSafeEqual } from "node:crypto";

export interface InboxSessionsOptions {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Cryptographically secure bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Whether browsers get here by TLS: the cookie is for that alone then. */
  readonly isSecure: boolean;
}

const HOUR_MS = 3_600_000;
const IDLE_MS = HOUR_MS;
const MAX_AGE_MS = 12 * HOUR_MS;
const ID_BYTES = 32;
/** Beyond these the oldest end: one person signs in now and then. */
const MAX_SESSIONS = 100;

interface Session {
  readonly idHash: Buffer;
  readonly tokenHash: string;
  readonly endsAtMs: number;
  usedAtMs: number;
}

export class InboxSessions {
  readonly #options: InboxSessionsOptions;
  /** By the hash of the id, oldest first. */
  readonly #sessions = new Map<string, Session>();
  readonly #cookie: string;

  constructor(options: InboxSessionsOptions) {
    this.#options = options;
    // The prefix keeps pages without TLS on the same host from setting it (RFC 6265bis section 4.1.3).
    this.#cookie = options.isSecure ? "__Secure-countersign-inbox" : "countersign-inbox";
  }

  /** @returns the value of Set-Cookie */
  begin(tokenHash: string): string {
    const { nowMs, randomBytes } = this.#options;
    const id = Buffer.from(randomBytes(ID_BYTES)).toString("base64url");
    const now = nowMs();
    const idHash = hashOf(id);
    for (const [key, session] of this.#sessions) {
      if (this.#isOver(session) || this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(key);
    }
    this.#sessions.set(idHash.toString("hex"), {
      idHash,
      tokenHash,
      endsAtMs: now + MAX_AGE_MS,
      usedAtMs: now,
    });
    return this.#setCookie(id, MAX_AGE_MS / 1_000);
  }

  /** @returns the hash of the token that the request's session was begun with; undefined without a live session */
  tokenHashOf(request: Request): string | undefined {
    const session = this.#find(request);
    if (session === undefined) return undefined;
    session.usedAtMs = this.#options.nowMs();
    return session.tokenHash;
  }

  /** @returns the value of Set-Cookie that takes the cookie away */
  end(request: Request): string {
    const session = this.#find(request);
    if (session !== undefined) this.#sessions.delete(session.idHash.toString("hex"));
    return this.#setCookie("", 0);
  }

  #find(request: Request): Session | undefined {
    const id = cookieOf(request, this.#cookie);
    if (id === undefined) return undefined;
    const hash = hashOf(id);
    const session = this.#sessions.get(hash.toString("hex"));
    if (session === undefined || !timingSafeEqual(session.idHash, hash)) return undefined;
    return this.#isOver(session) ? undefined : session;
  }

  #isOver({ usedAtMs, endsAtMs }: Session): boolean {
    const now = this.#options.nowMs();
    return now >= endsAtMs || now >= usedAtMs + IDLE_MS;
  }

  #setCookie(value: string, maxAgeSeconds: number): string {
    const attributes = `Path=/inbox; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict`;
    return `${this.#cookie}=${value}; ${attributes}${this.#options.isSecure ? "; Secure" : ""}`;
  }
}

function hashOf(id: string): Buffer {
  return createHash("sha256").update(id).digest();
}

function cookieOf(request: Request, name: string): string | undefined {
  const pairs = (request.headers.get("cookie") ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
