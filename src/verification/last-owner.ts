/**
 * The last owner stays.
 *
 * An owner is an active service account with the role ORG_OWNER for an organization, or IAM_OWNER for all. Whoever takes
 * the role from an owner, deactivates or removes it, has to leave another one, as the transaction of the change sees it:
 * two owners who end each other at the same time leave one. An organization whose last owner is forced out is still
 * managed by the owners of all. Of these, none could bring the last one back, so that cannot be forced.
 *
 * Tokens do not count: one that is lost can be made anew, by another owner or at a start.
 */
import type { Caller } from "./caller.ts";
import type { FactKey, Facts } from "./decider.ts";
import { failure, type Failure } from "./failures.ts";
import type { RoleGrant } from "./roles.ts";
import type { ServiceAccountState } from "./service-account.ts";

/** In the place of an organization's id: all of them. */
export const ALL_ORGANIZATIONS = "";

type Owner = Pick<ServiceAccountState, "status" | "roles">;

/** Whether the account is active and owns the organization, not counting those who own all of them. */
export function isActiveOwner({ status, roles }: Owner, organizationId: string): boolean {
  return status === "active" && ownedBy(roles).includes(organizationId);
}

/** What `checkLeavingOwner` looks at. @param kept the roles that the account is left with as an active one */
export function ownersToCount(account: Owner, kept: readonly RoleGrant[]): readonly FactKey[] {
  return lostBy(account, kept).map((organizationId) => ({ kind: "owners", organizationId }));
}

/**
 * Whether somebody is left to own what the account owns now.
 *
 * @param kept the roles that the account is left with as an active one
 * @returns LAST_OWNER, or undefined
 */
export function checkLeavingOwner(
  serviceAccountId: string,
  account: Owner,
  kept: readonly RoleGrant[],
  facts: Pick<Facts, "owners">,
  { caller, isForced }: { readonly caller: Caller; readonly isForced: boolean },
): Failure | undefined {
  if (caller.kind === "system") return undefined;
  for (const organizationId of lostBy(account, kept)) {
    const others = facts.owners(organizationId).filter((id) => id !== serviceAccountId);
    if (others.length > 0) continue;
    if (organizationId === ALL_ORGANIZATIONS) {
      const text =
        "The account is the last active one with the role IAM_OWNER: give the role to another account first";
      return failure("LAST_OWNER", { text });
    }
    if (isForced) continue;
    const text = `The account is the last active one with the role ORG_OWNER for the organization ${organizationId}: give the role to another account first, or set force`;
    return failure("LAST_OWNER", { text, metadata: { organizationId } });
  }
  return undefined;
}

function lostBy({ status, roles }: Owner, kept: readonly RoleGrant[]): readonly string[] {
  if (status !== "active") return [];
  const left = new Set(ownedBy(kept));
  return ownedBy(roles).filter((organizationId) => !left.has(organizationId));
}

function ownedBy(roles: readonly RoleGrant[]): readonly string[] {
  return roles.flatMap(({ role, organizationId }) => {
    if (role === "IAM_OWNER") return [ALL_ORGANIZATIONS];
    return role === "ORG_OWNER" && organizationId !== undefined ? [organizationId] : [];
  });
}
