/**
 * From a valid JWT to the caller. Its `sub` is the id of somebody whom Countersign knows:
 *
 * - a service account, which may do what its roles say, the same as with a personal access token; scopes, roles and
 *   other claims of the token give nothing and take nothing away;
 * - a user, who has no role: it may act on its own account, and on nothing else. As with ZITADEL, a user that is locked,
 *   deactivated or not yet initialized cannot sign in, so tokens that it has are no good either.
 *
 * What is stored counts, not what was stored when the token was issued: it is looked up for each call.
 */
import type { Store } from "../../store/store.ts";
import type { Caller } from "../../verification/caller.ts";
import { grantsOf } from "../roles.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";

export class JwtCallers {
  readonly #store: Pick<Store, "findUser" | "findServiceAccount">;
  readonly #verifier: Pick<JwtVerifier, "verify">;

  constructor(store: Pick<Store, "findUser" | "findServiceAccount">, verifier: Pick<JwtVerifier, "verify">) {
    this.#store = store;
    this.#verifier = verifier;
  }

  /**
   * @returns undefined when the token is not valid, or its subject nobody who may call
   * @throws FailureError JWT_KEYS_UNAVAILABLE
   */
  async findCaller(token: string): Promise<Caller | undefined> {
    const verified = await this.#verifier.verify(token);
    if (verified === undefined) return undefined;
    const { subject, expiresAtMs: credentialExpiresAtMs } = verified;
    const account = await this.#store.findServiceAccount(subject);
    if (account !== undefined) {
      const { organizationId, roles, status } = account;
      if (status !== "active") return undefined;
      const grants = grantsOf(roles);
      return { kind: "principal", userId: subject, organizationId, grants, credentialExpiresAtMs };
    }
    const user = await this.#store.findUser(subject);
    if (user?.status !== "active") return undefined;
    const { organizationId } = user;
    return { kind: "principal", userId: subject, organizationId, grants: [], credentialExpiresAtMs };
  }
}
