/**
 * Whose a JWT access token is (RFC 7519, RFC 9068), and whether it is valid now.
 *
 * A token passes these gates in this order:
 *
 * shape      Three parts in base64url, not too long. What looks otherwise never comes here; see `looksLikeJwt`.
 * algorithm  One of the list below. Those are signatures with a key pair: neither `none` nor an HMAC, for which the public
 *            key would have to serve as the secret (RFC 8725 sections 3.1 and 3.2). Extensions that the header calls
 *            critical (`crit`, RFC 7515 section 4.1.11) are not known here, so they end the token.
 * key        The issuer's own, chosen by `alg` and `kid` alone; see issuer-keys.ts.
 * signature
 * type       None, JWT or at+jwt, so that other things that the issuer signs are no access tokens (RFC 8725 section 3.11).
 * claims     `iss` is the issuer to the letter, `aud` has one of the audiences, `exp` is there and to come, `nbf` is past if
 *            it is there, `sub` is there.
 *
 * A token that passed is remembered by its SHA-256, with what still can change: its times, and the version of the keys.
 * Whenever it comes again, its times are held against the clock, and it passes without another look at the signature.
 * With another version of the keys all are forgotten; a check that began before that is not remembered. Tokens that did
 * not pass are never remembered, so nobody without a token of the issuer can fill the memory.
 */
import { hash } from "node:crypto";
import { jwtVerify, type JWTPayload } from "jose";
import type { Logger } from "../../observability/logger.ts";
import { FailureError } from "../../verification/failures.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import { RecentMap } from "./recent-map.ts";

export interface JwtVerifierOptions {
  /** Claim `iss`, compared to the letter. */
  readonly issuer: string;
  /** A token is meant for Countersign when its claim `aud` has one of these. */
  readonly audiences: readonly string[];
  readonly keys: Pick<IssuerKeys, "find" | "version">;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Told at level debug why a token was refused; never what it holds. */
  readonly logger: Logger;
  /** How many valid tokens are remembered. Default: 10,000, which take about 3 MB. */
  readonly maxRemembered?: number;
}

/** RFC 7518 section 3.1, RFC 8037 section 3.1 and RFC 9864 section 2.2: those with a key pair. */
export const JWT_ALGORITHMS: readonly string[] = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** By how much the clocks of issuer and service may differ, in seconds. */
export const CLOCK_SKEW_S = 30;
/** In characters, of which each is a byte. */
export const MAX_JWT_LENGTH = 8_192;
const MAX_REMEMBERED = 10_000;

// Media types without `application/`, whatever their case (RFC 7515 section 4.1.9).
const ACCESS_TOKEN_TYPE = /^(?:application\/)?(?:at\+)?jwt$/i;

export interface VerifiedJwt {
  /** Claim `sub`. */
  readonly subject: string;
  /** Claim `exp`, in milliseconds since the Unix epoch; the token is taken a little longer, for clocks that differ. */
  readonly expiresAtMs: number;
}

interface Remembered extends VerifiedJwt {
  /** Claims, in seconds since the Unix epoch (RFC 7519 section 2, NumericDate). */
  readonly exp: number;
  readonly nbf: number;
}

export class JwtVerifier {
  readonly #options: JwtVerifierOptions;
  readonly #remembered: RecentMap<string, Remembered>;
  /** Of the keys that the remembered tokens were checked with. */
  #version = 0;

  constructor(options: JwtVerifierOptions) {
    this.#options = options;
    this.#remembered = new RecentMap(options.maxRemembered ?? MAX_REMEMBERED);
  }

  /** How many tokens are remembered. */
  get remembered(): number {
    return this.#remembered.size;
  }

  /**
   * @returns undefined when the token is not valid
   * @throws FailureError JWT_KEYS_UNAVAILABLE when that cannot be told now
   */
  async verify(token: string): Promise<VerifiedJwt | undefined> {
    if (token.length > MAX_JWT_LENGTH) return undefined;
    this.#forgetWithOtherKeys();
    const digest = hash("sha256", token, "base64url");
    const remembered = this.#remembered.get(digest);
    if (remembered === undefined) return this.#check(token, digest);
    // In whole seconds, as jose does: or a token could be valid, and a moment later not yet.
    const now = Math.floor(this.#options.nowMs() / 1_000);
    const isExpired = remembered.exp <= now - CLOCK_SKEW_S;
    if (isExpired) this.#remembered.delete(digest);
    return isExpired || remembered.nbf > now + CLOCK_SKEW_S ? undefined : remembered;
  }

  async #check(token: string, digest: string): Promise<VerifiedJwt | undefined> {
    const { issuer, audiences, keys, nowMs, logger } = this.#options;
    try {
      let version = 0;
      const { payload, protectedHeader } = await jwtVerify(
        token,
        async (header) => {
          const found = await keys.find(header);
          version = found.version;
          return found.key;
        },
        {
          algorithms: [...JWT_ALGORITHMS],
          issuer,
          audience: [...audiences],
          requiredClaims: ["exp", "sub"],
          clockTolerance: CLOCK_SKEW_S,
          currentDate: new Date(nowMs()),
        },
      );
      const { typ } = protectedHeader;
      if (typ !== undefined && !ACCESS_TOKEN_TYPE.test(typ)) throw new Error("the type is not JWT or at+jwt");
      const { exp = 0, nbf = -Infinity } = payload;
      const verified = { subject: subjectIn(payload), expiresAtMs: exp * 1_000, exp, nbf };
      this.#forgetWithOtherKeys();
      if (version === this.#version) this.#remembered.set(digest, verified);
      return verified;
    } catch (error) {
      if (error instanceof FailureError) throw error;
      logger.debug({ problem: problemOf(error) }, "a JWT was refused");
      return undefined;
    }
  }

  #forgetWithOtherKeys(): void {
    const { version } = this.#options.keys;
    if (version === this.#version) return;
    this.#version = version;
    this.#remembered.clear();
  }
}

function subjectIn({ sub }: JWTPayload): string {
  if (typeof sub !== "string" || sub === "") throw new Error("the subject is no text, or empty");
  return sub;
}

/** jose's errors name claims and parameters, and never quote their values. */
function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}
