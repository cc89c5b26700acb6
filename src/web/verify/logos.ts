/**
 * Logos of organizations, fetched so that the page can carry them itself and looking at it tells no third party.
 *
 * The URL comes from the organization's own people, so it is not trusted: https alone, names alone, and only where they
 * resolve to what `lookup` lets through; no redirect is followed, no header that came with the image is believed, and
 * whatever is longer than a page can carry is left where it is.
 *
 * No page waits. The first visit of an organization begins the fetch and shows no logo; those after it show what came. A
 * logo is fetched again after an hour, a failed one after a few minutes, and meanwhile the one before stays. Visits by
 * people without any credential begin fetches, so there are few at a time, and no URL gets more than one of them.
 */
import { request } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { MAX_LOGO_BYTES, type Logo } from "./branding.ts";

export interface LogosOptions {
  /** Resolves the names in URLs, and refuses the addresses that must not be knocked at. */
  readonly lookup: LookupFunction;
  /** Milliseconds on a clock that does not go back. Default: performance.now(). */
  readonly nowMs?: () => number;
  /** Told why there is no logo, in a word that may be logged. */
  readonly onFailure?: (url: string, problem: string) => void;
  /** Certificates to trust, PEM. Default: Node's. */
  readonly ca?: string | Buffer;
}

interface Entry {
  logo: Logo | undefined;
  /** When it may be fetched again. */
  dueMs: number;
}

const FETCH_TIMEOUT_MS = 10_000;
const REFRESH_AFTER_MS = 60 * 60_000;
const RETRY_AFTER_MS = 5 * 60_000;
const MAX_FETCHES = 4;
/** Eight megabytes at most. */
const MAX_LOGOS = 1_000;

export class Logos {
  readonly #options: LogosOptions;
  readonly #nowMs: () => number;
  /** By URL, those that were asked for last at the end. */
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new AbortController();
  #fetches = 0;

  constructor(options: LogosOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** The logo, where it is here by now. */
  find(url: string): Logo | undefined {
    const entry = this.#entries.get(url) ?? { logo: undefined, dueMs: Number.NEGATIVE_INFINITY };
    if (entry.dueMs <= this.#nowMs() && this.#fetches < MAX_FETCHES) void this.#fetch(url, entry);
    this.#entries.delete(url);
    this.#entries.set(url, entry);
    for (const eldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_LOGOS) break;
      this.#entries.delete(eldest);
    }
    return entry.logo;
  }

  /** Breaks off what is under way. */
  close(): void {
    this.#closing.abort();
  }

  async #fetch(url: string, entry: Entry): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#fetches += 1;
    entry.dueMs = Number.POSITIVE_INFINITY;
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
      entry.logo = logoOf(await fetchBytes(url, signal, this.#options));
      entry.dueMs = this.#nowMs() + REFRESH_AFTER_MS;
    } catch (error) {
      entry.dueMs = this.#nowMs() + RETRY_AFTER_MS;
      if (!this.#closing.signal.aborted) this.#options.onFailure?.(url, problemOf(error));
    } finally {
      this.#fetches -= 1;
    }
  }
}

/** @throws Error that names the fault */
function fetchBytes(url: string, signal: AbortSignal, { lookup, ca }: LogosOptions): Promise<Buffer> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" || isIP(hostname.replace(/^\[(.*)\]$/, "$1")) !== 0) {
    throw new Error("only https:// and a name are fetched");
  }
  return new Promise((resolve, reject) => {
    // A connection of its own, which variables for proxies have no say in.
    const options = {
      agent: false,
      lookup,
      signal,
      headers: { accept: "image/*" },
      ...(ca && { ca }),
    } as const;
    const asked = request(url, options, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const refuse = (problem: string) => {
        reject(new Error(problem));
        asked.destroy();
      };
      if (answer.statusCode !== 200) refuse(`status ${answer.statusCode}`);
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_LOGO_BYTES) refuse(`longer than ${MAX_LOGO_BYTES} bytes`);
        else chunks.push(chunk);
      });
      answer.on("end", () => resolve(Buffer.concat(chunks)));
      answer.on("error", reject);
    });
    asked.on("error", reject).end();
  });
}

/** By what the bytes begin with. SVG is none of them: it may hold scripts and references. */
const SIGNATURES: readonly (readonly [Logo["mediaType"], RegExp])[] = [
  ["image/png", /^\x89PNG\r\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
];

/** @throws Error for bytes that are none of the images above */
function logoOf(bytes: Uint8Array): Logo {
  const start = Buffer.from(bytes.subarray(0, 16)).toString("latin1");
  const found = SIGNATURES.find(([, signature]) => signature.test(start));
  if (found === undefined) throw new Error("neither PNG, JPEG, GIF nor WebP");
  return { mediaType: found[0], bytes };
}

/** Node's word for it, or our own. */
function problemOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : message;
}
