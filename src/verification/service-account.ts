/** A service account is what a calling service authenticates as. It has roles, and no e-mail address. */
import { accept, advance, claimText, refuse, type AggregateHead, type Decider } from "./decider.ts";
import { failure } from "./failures.ts";
import { subjectClaim, usernameClaim } from "./user/needs.ts";

/** A role that an account holds: everywhere, or for one organization. */
export interface RoleGrant {
  readonly role: string;
  readonly organizationId?: string;
}

export interface ServiceAccountState extends AggregateHead {
  readonly username: string;
  readonly roles: readonly RoleGrant[];
}

export type ServiceAccountCommand = {
  readonly type: "serviceAccount.add";
  readonly serviceAccountId: string;
  readonly organizationId: string;
  readonly username: string;
  readonly roles: readonly RoleGrant[];
};

export type ServiceAccountEvent = {
  readonly type: "user.machine.added";
  readonly payload: { readonly userName: string; readonly roles: readonly RoleGrant[] };
};

export const serviceAccountDecider: Decider<
  ServiceAccountState,
  ServiceAccountCommand,
  ServiceAccountEvent,
  null
> = {
  initial: { sequence: 0, createdAtMs: 0, changedAtMs: 0, organizationId: "", username: "", roles: [] },
  evolve: (state, event, place) => ({
    ...state,
    ...advance(state, place),
    username: event.payload.userName,
    roles: event.payload.roles,
  }),
  needs: (_state, command) => [
    { kind: "organization", organizationId: command.organizationId },
    { kind: "claim", claim: subjectClaim(command.serviceAccountId) },
    { kind: "claim", claim: usernameClaim(command.username) },
  ],
  decide(_state, facts, command) {
    const { organizationId, username, roles } = command;
    if (!facts.organizations.has(organizationId)) return refuse(failure("ORGANIZATION_NOT_FOUND"));
    const claims = [subjectClaim(command.serviceAccountId), usernameClaim(username)];
    if (claims.some((claim) => facts.claims.has(claimText(claim)))) {
      return refuse(failure("SERVICE_ACCOUNT_ALREADY_EXISTS"));
    }
    return accept(null, {
      events: [{ type: "user.machine.added", payload: { userName: username, roles } }],
      claims: claims.map((claim) => ({ action: "take", ...claim })),
      organizationId,
    });
  },
};
