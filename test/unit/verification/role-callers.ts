/** Callers with roles, as the authenticator makes them. */
import type { Caller } from "../../../src/verification/caller.ts";
import { grantsOf, type RoleGrant } from "../../../src/verification/roles.ts";
import { ORG, OTHER_ORG } from "./given.ts";

type Principal = Extract<Caller, { kind: "principal" }>;

/** @param role one of an organization holds in ORG unless another is named */
export function holding(role: string, organizationId = ORG): Principal {
  return withRoles(role.startsWith("ORG_") ? { role, organizationId } : { role });
}

export function withRoles(...roles: readonly RoleGrant[]): Principal {
  return { kind: "principal", userId: "caller", organizationId: ORG, grants: grantsOf(roles) };
}

export const OWNER_ELSEWHERE = holding("ORG_OWNER", OTHER_ORG);
