/** A Store without durability: the same decisions, kept in maps. It shows what a call costs without its database. */
import {
  aggregateOf,
  deciderOf,
  type AggregateId,
  type Command,
  type ReplyOf,
} from "../src/verification/aggregates.ts";
import { claimText, type AggregateHead, type ClaimKey, type Facts } from "../src/verification/decider.ts";
import type { Environment } from "../src/verification/environment.ts";
import { FailureError } from "../src/verification/failures.ts";
import type { AccessTokenState } from "../src/verification/access-token.ts";
import { DEFAULT_ORGANIZATION_SETTINGS } from "../src/verification/organization-settings.ts";
import type { ServiceAccountState } from "../src/verification/service-account.ts";
import type { AccessTokenRecord, Store } from "../src/store/store.ts";

export function createMemoryStore(): Store {
  const states = new Map<string, AggregateHead>();
  const claims = new Map<string, string>();
  const metadata = new Map<string, string>();
  const tokens = new Map<string, AccessTokenRecord>();
  const textOf = ({ type, id }: AggregateId) => `${type}:${id}`;
  const find = <State>(type: AggregateId["type"], id: string) =>
    Promise.resolve(states.get(textOf({ type, id })) as State | undefined);
  const notServed = () => Promise.reject(new Error("the bench's store does not serve this"));

  const facts: Facts = {
    claimHolder: (claim) => claims.get(claimText(claim)),
    organization: (id) =>
      states.has(textOf({ type: "organization", id })) ? DEFAULT_ORGANIZATION_SETTINGS : undefined,
    serviceAccount: () => undefined,
    owners: () => [],
    isSuppressed: () => false,
    bucket: () => undefined,
    reply: () => undefined,
  };

  function execute(command: Command, env: Environment): unknown {
    const aggregate = aggregateOf(command);
    const decider = deciderOf(aggregate.type);
    const before = states.get(textOf(aggregate)) ?? decider.initial;
    const decision = decider.decide(before, facts, command, env);
    const organizationId = decision.organizationId ?? before.organizationId;
    let state = before;
    for (const event of decision.events) {
      state = decider.evolve(state, event, {
        sequence: state.sequence + 1,
        createdAtMs: env.nowMs,
        organizationId,
      });
    }
    states.set(textOf(aggregate), state);
    for (const claim of decision.claims) {
      if (claim.action === "take") claims.set(claimText(claim), aggregate.id);
      else claims.delete(claimText(claim));
    }
    if (aggregate.type === "access_token") rememberToken(aggregate.id, state as AccessTokenState);
    if (!decision.outcome.ok) throw new FailureError(decision.outcome.failure);
    return decision.outcome.reply;
  }

  function rememberToken(tokenId: string, token: AccessTokenState): void {
    const { hash, serviceAccountId, expiresAtMs, revokedAtMs } = token;
    const serviceAccount = states.get(textOf({ type: "service_account", id: serviceAccountId }));
    tokens.set(hash, {
      tokenId,
      hash,
      expiresAtMs,
      revokedAtMs,
      serviceAccountId,
      serviceAccount: serviceAccount as ServiceAccountState,
    });
  }

  const served: Partial<Store> = {
    // Async, so that a refusal rejects.
    execute: async <C extends Command>(command: C, env: Environment) => execute(command, env) as ReplyOf<C>,
    findUser: (id) => find("user", id),
    findOrganization: (id) => find("organization", id),
    findServiceAccount: (id) => find("service_account", id),
    findClaim: (claim: ClaimKey) => Promise.resolve(claims.get(claimText(claim))),
    findAccessToken: (hash) => Promise.resolve(tokens.get(hash)),
    getMetadata: (key) => Promise.resolve(metadata.get(key)),
    setMetadata: (key, value, when) => {
      if (when === "always" || !metadata.has(key)) metadata.set(key, value);
      return Promise.resolve(metadata.get(key) ?? value);
    },
    isHealthy: () => true,
    committed: () => () => {},
    close: () => Promise.resolve(),
    failed: new Promise(() => {}),
  };
  return new Proxy(served as Store, {
    get: (target, name): unknown => (Reflect.get(target, name) as unknown) ?? notServed,
  });
}
