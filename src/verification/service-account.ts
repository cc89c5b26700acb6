/**
 * A service account is what a calling service authenticates as. It has roles, and no e-mail address.
 *
 * `active` accounts may call. A deactivated one may not, whatever tokens it has, until it is reactivated. A removed one
 * never again: its id is not given out once more, its username is.
 *
 * Who acts on an account needs the permission in its organization, and has to hold all that the account holds (see
 * roles.ts). Nobody changes their own roles, deactivates or removes themselves: so whoever does it is left to undo it. And
 * the last owner stays (see last-owner.ts).
 */
import { checkPermission, type Caller, type Permission } from "./caller.ts";
import {
  accept,
  advance,
  refuse,
  UNKNOWN_HEAD,
  type AggregateHead,
  type ClaimChange,
  type Decider,
  type Decision,
  type FactKey,
  type Facts,
} from "./decider.ts";
import type { Environment } from "./environment.ts";
import { failure, type Failure } from "./failures.ts";
import { checkLeavingOwner, ownersToCount } from "./last-owner.ts";
import { nameProblem } from "./organization-settings.ts";
import { checkGivingRoles, checkHoldingRoles, rolesProblem, type RoleGrant } from "./roles.ts";
import { subjectClaim, usernameClaim } from "./user/needs.ts";

export type { RoleGrant } from "./roles.ts";

export type ServiceAccountStatus = "unknown" | "active" | "inactive" | "deleted";

export interface ServiceAccountState extends AggregateHead {
  readonly status: ServiceAccountStatus;
  readonly username: string;
  readonly roles: readonly RoleGrant[];
}

export type ServiceAccountCommand =
  | {
      readonly type: "serviceAccount.add";
      readonly serviceAccountId: string;
      readonly organizationId: string;
      readonly username: string;
      readonly roles: readonly RoleGrant[];
    }
  | {
      readonly type: "serviceAccount.setRoles";
      readonly serviceAccountId: string;
      readonly roles: readonly RoleGrant[];
      /** Even of the last owner of an organization. Default: false, as below. */
      readonly force?: boolean;
    }
  | {
      readonly type: "serviceAccount.deactivate" | "serviceAccount.remove";
      readonly serviceAccountId: string;
      readonly force?: boolean;
    }
  | {
      readonly type: "serviceAccount.reactivate";
      readonly serviceAccountId: string;
    };

export type ServiceAccountEvent =
  | {
      readonly type: "user.machine.added";
      readonly payload: { readonly userName: string; readonly roles: readonly RoleGrant[] };
    }
  | {
      readonly type: "user.machine.roles.changed";
      readonly payload: { readonly roles: readonly RoleGrant[] };
    }
  | {
      readonly type: "user.deactivated" | "user.reactivated" | "user.removed";
      readonly payload: Readonly<Record<string, never>>;
    };

type ServiceAccountDecision = Decision<ServiceAccountEvent, null>;
type Of<Type extends ServiceAccountCommand["type"]> = Extract<ServiceAccountCommand, { type: Type }>;

export const UNKNOWN_SERVICE_ACCOUNT: ServiceAccountState = {
  ...UNKNOWN_HEAD,
  status: "unknown",
  username: "",
  roles: [],
};

/** Ids are found in headers of logs, in paths and in tokens of others. */
const MAX_ID_LENGTH = 200;

export const serviceAccountDecider: Decider<
  ServiceAccountState,
  ServiceAccountCommand,
  ServiceAccountEvent,
  null
> = {
  initial: UNKNOWN_SERVICE_ACCOUNT,
  evolve: (state, event, place) => ({ ...state, ...change(event), ...advance(state, place) }),
  needs(state, command): readonly FactKey[] {
    switch (command.type) {
      case "serviceAccount.add":
        return [
          { kind: "organization", organizationId: command.organizationId },
          { kind: "claim", claim: subjectClaim(command.serviceAccountId) },
          { kind: "claim", claim: usernameClaim(command.username.trim()) },
          ...organizationsOf(command.roles),
        ];
      case "serviceAccount.setRoles":
        return [...organizationsOf(command.roles), ...ownersToCount(state, command.roles)];
      case "serviceAccount.reactivate":
        return [];
      default:
        return ownersToCount(state, []);
    }
  },
  decide(state, facts, command, env) {
    switch (command.type) {
      case "serviceAccount.add":
        return decideAdd(facts, command, env);
      case "serviceAccount.setRoles":
        return decideSetRoles(state, facts, command, env);
      default:
        return decideLifeCycle(state, facts, command, env);
    }
  },
};

/** Whether there is such an account: added, and not removed. */
export function accountExists({ status }: ServiceAccountState): boolean {
  return status === "active" || status === "inactive";
}

/**
 * Whether the caller may act on the account.
 *
 * @returns the failure that refuses the call, or undefined
 */
export function checkManaging(
  caller: Caller,
  permission: Permission,
  { organizationId, roles }: Pick<ServiceAccountState, "organizationId" | "roles">,
): Failure | undefined {
  return (
    checkPermission(caller, permission, { organizationId }, "not allowed") ?? checkHoldingRoles(caller, roles)
  );
}

function change(event: ServiceAccountEvent): Partial<ServiceAccountState> {
  switch (event.type) {
    case "user.machine.added":
      return { status: "active", username: event.payload.userName, roles: event.payload.roles };
    case "user.machine.roles.changed":
      return { roles: event.payload.roles };
    case "user.deactivated":
      return { status: "inactive" };
    case "user.reactivated":
      return { status: "active" };
    case "user.removed":
      return { status: "deleted", roles: [] };
  }
}

function decideAdd(
  facts: Facts,
  command: Of<"serviceAccount.add">,
  { caller }: Environment,
): ServiceAccountDecision {
  const { serviceAccountId, organizationId, roles } = command;
  if (facts.organization(organizationId) === undefined) return refuse(failure("ORGANIZATION_NOT_FOUND"));
  const denied = checkPermission(caller, "user.write", { organizationId }, "not allowed");
  if (denied !== undefined) return refuse(denied);
  const username = command.username.trim();
  const wrong = accountProblem(serviceAccountId, username) ?? checkNewRoles(caller, roles, facts);
  if (wrong !== undefined) return refuse(wrong);
  const claims = [subjectClaim(serviceAccountId), usernameClaim(username)];
  if (claims.some((claim) => facts.claimHolder(claim) !== undefined)) {
    return refuse(failure("SERVICE_ACCOUNT_ALREADY_EXISTS"));
  }
  return accept(null, {
    events: [{ type: "user.machine.added", payload: { userName: username, roles } }],
    claims: claims.map((claim): ClaimChange => ({ action: "take", ...claim })),
    organizationId,
  });
}

function decideSetRoles(
  state: ServiceAccountState,
  facts: Facts,
  { serviceAccountId, roles, force: isForced = false }: Of<"serviceAccount.setRoles">,
  { caller }: Environment,
): ServiceAccountDecision {
  if (!accountExists(state)) return refuse(failure("SERVICE_ACCOUNT_NOT_FOUND"));
  const { organizationId } = state;
  const denied =
    checkPermission(caller, "user.write", { organizationId }, "not allowed") ??
    checkGivingRoles(caller, state.roles);
  if (denied !== undefined) return refuse(denied);
  if (isCaller(caller, serviceAccountId)) return refuse(failure("SERVICE_ACCOUNT_IS_CALLER"));
  const wrong = checkNewRoles(caller, roles, facts);
  if (wrong !== undefined) return refuse(wrong);
  if (sameRoles(roles, state.roles)) return accept(null);
  const last = checkLeavingOwner(serviceAccountId, state, roles, facts, { caller, isForced });
  if (last !== undefined) return refuse(last);
  return accept(null, { events: [{ type: "user.machine.roles.changed", payload: { roles } }] });
}

const LIFE_CYCLE = {
  "serviceAccount.deactivate": {
    permission: "user.write",
    status: "active",
    otherwise: "SERVICE_ACCOUNT_NOT_ACTIVE",
    event: "user.deactivated",
  },
  "serviceAccount.reactivate": {
    permission: "user.write",
    status: "inactive",
    otherwise: "SERVICE_ACCOUNT_NOT_INACTIVE",
    event: "user.reactivated",
  },
  "serviceAccount.remove": {
    permission: "user.delete",
    status: undefined,
    otherwise: "SERVICE_ACCOUNT_NOT_FOUND",
    event: "user.removed",
  },
} as const;

function decideLifeCycle(
  state: ServiceAccountState,
  facts: Facts,
  command: Of<keyof typeof LIFE_CYCLE>,
  { caller }: Environment,
): ServiceAccountDecision {
  if (!accountExists(state)) return refuse(failure("SERVICE_ACCOUNT_NOT_FOUND"));
  const { type, serviceAccountId } = command;
  const { permission, status, otherwise, event } = LIFE_CYCLE[type];
  const denied = checkManaging(caller, permission, state);
  if (denied !== undefined) return refuse(denied);
  if (isCaller(caller, serviceAccountId)) return refuse(failure("SERVICE_ACCOUNT_IS_CALLER"));
  if (status !== undefined && state.status !== status) return refuse(failure(otherwise));
  if (command.type !== "serviceAccount.reactivate") {
    const isForced = command.force ?? false;
    const last = checkLeavingOwner(serviceAccountId, state, [], facts, { caller, isForced });
    if (last !== undefined) return refuse(last);
  }
  const claims: ClaimChange[] =
    type === "serviceAccount.remove" ? [{ action: "release", ...usernameClaim(state.username) }] : [];
  return accept(null, { events: [{ type: event, payload: {} }], claims });
}

function accountProblem(serviceAccountId: string, username: string): Failure | undefined {
  const id = lineProblem(serviceAccountId);
  if (id !== undefined) return invalid("service_account_id", id);
  const name = lineProblem(username);
  return name === undefined ? undefined : invalid("username", name);
}

function lineProblem(text: string): string | undefined {
  if (text.trim() === "") return "takes at least one visible character";
  if (text.length > MAX_ID_LENGTH) return `takes at most ${MAX_ID_LENGTH} characters`;
  return nameProblem(text);
}

/** What each role is for, whether its organization is there, and whether the caller may give it. */
function checkNewRoles(caller: Caller, roles: readonly RoleGrant[], facts: Facts): Failure | undefined {
  const wrong = rolesProblem(roles) ?? checkGivingRoles(caller, roles);
  if (wrong !== undefined) return wrong;
  const isThere = ({ organizationId }: RoleGrant) =>
    organizationId === undefined || facts.organization(organizationId) !== undefined;
  return roles.every(isThere) ? undefined : failure("ORGANIZATION_NOT_FOUND");
}

function organizationsOf(roles: readonly RoleGrant[]): readonly FactKey[] {
  const ids = new Set(roles.flatMap(({ organizationId }) => organizationId ?? []));
  return [...ids].map((organizationId) => ({ kind: "organization", organizationId }));
}

function isCaller(caller: Caller, serviceAccountId: string): boolean {
  return caller.kind === "principal" && caller.userId === serviceAccountId;
}

function sameRoles(some: readonly RoleGrant[], others: readonly RoleGrant[]): boolean {
  const keys = (roles: readonly RoleGrant[]) =>
    roles.map(({ role, organizationId = "" }) => `${role} ${organizationId}`).toSorted();
  return JSON.stringify(keys(some)) === JSON.stringify(keys(others));
}

function invalid(field: string, description: string): Failure {
  const text = `The service account cannot be like this: ${field} ${description}`;
  return failure("SERVICE_ACCOUNT_INVALID", { text, fields: [{ field, description }] });
}
