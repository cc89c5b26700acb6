/** From the Authorization header to the caller. */
import type { Store } from "../store/store.ts";
import type { Caller } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import type { JwtCallers } from "./jwt/jwt-callers.ts";
import { looksLikeJwt } from "./jwt/jwt-shape.ts";
import type { PersonalAccessTokens } from "./personal-access-tokens.ts";

/** RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1). */
const BEARER = /^bearer +(\S+)$/i;
/** Longer headers are no token of ours and are not worth hashing. */
const MAX_HEADER_LENGTH = 8_192;

export class Authenticator {
  readonly #store: Pick<Store, "findOrganization">;
  readonly #personalAccessTokens: Pick<PersonalAccessTokens, "findCaller">;
  readonly #jwtCallers: Pick<JwtCallers, "findCaller"> | undefined;

  /** @param jwtCallers undefined where no JWTs are accepted */
  constructor(
    store: Pick<Store, "findOrganization">,
    personalAccessTokens: Pick<PersonalAccessTokens, "findCaller">,
    jwtCallers?: Pick<JwtCallers, "findCaller">,
  ) {
    this.#store = store;
    this.#personalAccessTokens = personalAccessTokens;
    this.#jwtCallers = jwtCallers;
  }

  /**
   * @param authorization value of the Authorization header
   * @param anonymous whether a call without the header may go on
   * @throws FailureError AUTH_HEADER_MISSING, TOKEN_INVALID, JWT_KEYS_UNAVAILABLE
   */
  async authenticate(authorization: string | null, anonymous: "allowed" | "refused"): Promise<Caller> {
    if (authorization === null || authorization === "") {
      if (anonymous === "allowed") return { kind: "anonymous" };
      throw new FailureError(failure("AUTH_HEADER_MISSING"));
    }
    const token = authorization.length <= MAX_HEADER_LENGTH ? BEARER.exec(authorization)?.[1] : undefined;
    const caller = token === undefined ? undefined : await this.#findCaller(token);
    if (caller === undefined) throw new FailureError(failure("TOKEN_INVALID"));
    return caller;
  }

  /** @throws FailureError ORGANIZATION_NOT_FOUND for the value of an x-zitadel-orgid header that names no organization */
  async checkOrganization(organizationId: string): Promise<void> {
    if ((await this.#store.findOrganization(organizationId)) === undefined) {
      throw new FailureError(failure("ORGANIZATION_NOT_FOUND"));
    }
  }

  #findCaller(token: string): Promise<Caller | undefined> {
    if (this.#jwtCallers !== undefined && looksLikeJwt(token)) return this.#jwtCallers.findCaller(token);
    return this.#personalAccessTokens.findCaller(token);
  }
}
