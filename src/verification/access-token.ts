/**
 * A personal access token of a service account. Only the SHA-256 of the token is kept. Setting a token again with the
 * same hash changes nothing; with another hash it replaces the old one, which is refused from then on.
 */
import { accept, advance, type AggregateHead, type Decider } from "./decider.ts";

export interface AccessTokenState extends AggregateHead {
  readonly serviceAccountId: string;
  /** SHA-256 of the token, base64url. */
  readonly hash: string;
}

export type AccessTokenCommand = {
  readonly type: "accessToken.set";
  readonly tokenId: string;
  readonly organizationId: string;
  readonly serviceAccountId: string;
  readonly hash: string;
};

export type AccessTokenEvent = {
  readonly type: "user.pat.added";
  readonly payload: { readonly serviceAccountId: string; readonly hash: string };
};

export const accessTokenDecider: Decider<AccessTokenState, AccessTokenCommand, AccessTokenEvent, null> = {
  initial: {
    sequence: 0,
    createdAtMs: 0,
    changedAtMs: 0,
    organizationId: "",
    serviceAccountId: "",
    hash: "",
  },
  evolve: (state, event, place) => ({ ...state, ...advance(state, place), ...event.payload }),
  needs: () => [],
  decide(state, _facts, command) {
    const { serviceAccountId, hash, organizationId } = command;
    if (state.hash === hash && state.serviceAccountId === serviceAccountId) return accept(null);
    return accept(null, {
      events: [{ type: "user.pat.added", payload: { serviceAccountId, hash } }],
      organizationId,
    });
  },
};
