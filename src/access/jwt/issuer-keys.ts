/**
 * The public keys of the issuer of JWTs, as its JWK Set (RFC 7517 section 5) has them.
 *
 * The set is empty until it was fetched for the first time; from then on there is always one, the last that could be read.
 * It is fetched
 * - at the start, so that the first call finds it; the start does not wait;
 * - every five minutes, so that a key that the issuer took back is out of use by then;
 * - when a token names a key that the set does not have: issuers sign with a new key as soon as they have published it.
 *
 * At most one fetch is under way, and whoever needs one shares it. Its end begins a rest, a short one after a failure:
 * in that time nobody's token makes another fetch begin, so made-up key ids cost the issuer next to nothing.
 *
 * A fetch ends in one of two ways:
 *
 * read       What came replaces the set. Where its keys differ from those before, `version` changes, and with it ends what
 *            others concluded from the old ones.
 * failed     No answer in time, none with status 200, a redirect, one that is too long, or one that is no JWK Set. The set
 *            stays, whatever its age: what was signed with its keys goes on working while the issuer is away.
 *
 * So a token's key is looked up like this. In the set: it is used. Else, once no rest holds it back, in what the next
 * fetch, or the one under way, brings. Still not there, the key is unknown, and the token no good - unless that last fetch
 * failed, for then nobody knows: the caller is told to come again when the rest is over.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from "jose";
import type { Logger } from "../../observability/logger.ts";
import { failure, FailureError } from "../../verification/failures.ts";
import { fetchJson } from "./fetch-json.ts";

type FindKey = ReturnType<typeof createLocalJWKSet>;

export interface FoundKey {
  readonly key: Awaited<ReturnType<FindKey>>;
  /** Of the keys that it is one of. */
  readonly version: number;
}

export interface IssuerKeysOptions {
  /** Of the JWK Set; may hold a token, so it is never logged. */
  readonly url: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** From one regular fetch to the next. Default: 5 minutes. */
  readonly refreshEveryMs?: number;
  /** How long a fetch may take, body included. Default: 5 seconds. */
  readonly timeoutMs?: number;
}

const REFRESH_EVERY_MS = 5 * 60_000;
const TIMEOUT_MS = 5_000;
/** Rests after a fetch. */
const REST_MS = 30_000;
const REST_AFTER_FAILURE_MS = 5_000;
/** Sets of large issuers have 20 kB, with certificates. */
const MAX_BYTES = 256 * 1024;

interface LastFetch {
  readonly endedAtMs: number;
  readonly failed: boolean;
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #closing = new AbortController();
  #findInSet: FindKey | undefined;
  #fingerprint = "";
  #version = 0;
  #lastFetch: LastFetch | undefined;
  #fetching: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Another number once the keys are others. */
  get version(): number {
    return this.#version;
  }

  /** Begins the first fetch, and the regular ones. */
  start(): void {
    void this.#fetch();
    const everyMs = this.#options.refreshEveryMs ?? REFRESH_EVERY_MS;
    this.#timer = setInterval(() => void this.#fetch(), everyMs).unref();
  }

  /** Gives up the fetch under way, and begins no more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#fetching;
  }

  /**
   * The key that signed a token. Only `alg` and `kid` of the header are looked at: keys, and places of keys, that a token
   * brings along (RFC 7515 sections 4.1.2, 4.1.3, 4.1.5) are worth nothing.
   *
   * @throws FailureError JWT_KEYS_UNAVAILABLE
   * @throws JWKSNoMatchingKey, or another error of jose, when there is no such key, or more than one, or an unusable one
   */
  async find(header: JWSHeaderParameters): Promise<FoundKey> {
    const known = await this.#look(header);
    if (known !== undefined) return known;
    if (this.#fetching === undefined && this.#restMs() > 0) throw this.#unknown();
    await this.#fetch();
    const fetched = await this.#look(header);
    if (fetched !== undefined) return fetched;
    throw this.#unknown();
  }

  async #look({ alg = "", kid }: JWSHeaderParameters): Promise<FoundKey | undefined> {
    // Importing a key takes its time, in which the set may be replaced.
    const version = this.#version;
    try {
      const key = await this.#findInSet?.({ alg, ...(kid !== undefined && { kid }) });
      return key && { key, version };
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw error;
    }
  }

  #unknown(): Error {
    if (this.#lastFetch?.failed === false) return new errors.JWKSNoMatchingKey();
    return new FailureError(failure("JWT_KEYS_UNAVAILABLE", { retryAfterMs: Math.max(1, this.#restMs()) }));
  }

  /** How much is left of the rest after the last fetch. */
  #restMs(): number {
    if (this.#lastFetch === undefined) return 0;
    const { failed, endedAtMs } = this.#lastFetch;
    const restMs = failed ? REST_AFTER_FAILURE_MS : REST_MS;
    const sinceMs = this.#options.nowMs() - endedAtMs;
    // A clock that was set back must not make the rest longer.
    return sinceMs < 0 ? 0 : Math.max(0, restMs - sinceMs);
  }

  /** Never rejects; joins the fetch under way. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { url, nowMs, logger, timeoutMs = TIMEOUT_MS } = this.#options;
    let problem: string | undefined;
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
      this.#use(await fetchJson(url, { maxBytes: MAX_BYTES, signal }));
    } catch (error) {
      problem = describe(error);
    }
    if (this.#closing.signal.aborted) return;
    const failedBefore = this.#lastFetch?.failed === true;
    this.#lastFetch = { endedAtMs: nowMs(), failed: problem !== undefined };
    if (problem !== undefined) {
      const consequence =
        this.#findInSet === undefined ? "no JWT can be checked" : "those known go on working";
      logger[failedBefore ? "debug" : "warn"](
        { problem },
        `the keys of COUNTERSIGN_JWKS_URL cannot be read: ${consequence}`,
      );
    } else if (failedBefore) logger.info("the keys of COUNTERSIGN_JWKS_URL can be read again");
  }

  /** @throws JWKSInvalid for what is no JWK Set */
  #use(json: unknown): void {
    const findInSet = createLocalJWKSet(json as JSONWebKeySet);
    const fingerprint = fingerprintOf(json as JSONWebKeySet);
    // The look-up there is has its keys imported already.
    if (this.#findInSet !== undefined && fingerprint === this.#fingerprint) return;
    this.#findInSet = findInSet;
    this.#fingerprint = fingerprint;
    this.#version += 1;
  }
}

/** The same for the same keys, in whatever order they and their members come. */
function fingerprintOf({ keys }: JSONWebKeySet): string {
  return keys
    .map((key) => JSON.stringify(Object.entries(key).toSorted(([one], [other]) => (one < other ? -1 : 1))))
    .toSorted()
    .join("\n");
}

/** Without the URL, which fetch's own messages may quote. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  if (error.name === "TimeoutError") return "no whole answer in time";
  const { code } = (error.cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? `${error.message}: ${code}` : error.message;
}
