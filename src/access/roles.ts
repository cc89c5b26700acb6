/** ZITADEL's roles, as far as they hold permissions that Countersign asks for, and what each of them holds. */
import type { Grant, Permission } from "../verification/caller.ts";
import type { RoleGrant } from "../verification/service-account.ts";

const READ: readonly Permission[] = ["user.read"];
const WRITE: readonly Permission[] = ["user.read", "user.write"];
const FULL: readonly Permission[] = ["user.read", "user.write", "user.delete"];

/** IAM roles hold everywhere, ORG roles in the organization that they are given for. */
export const ROLE_PERMISSIONS: Readonly<Record<string, readonly Permission[]>> = {
  IAM_OWNER: FULL,
  IAM_OWNER_VIEWER: READ,
  IAM_ORG_MANAGER: FULL,
  IAM_USER_MANAGER: FULL,
  IAM_LOGIN_CLIENT: WRITE,
  ORG_OWNER: FULL,
  ORG_OWNER_VIEWER: READ,
  ORG_USER_MANAGER: FULL,
  ORG_USER_PERMISSION_EDITOR: READ,
  ORG_USER_SELF_MANAGER: ["user.self.delete"],
};

/** A role that is not known grants nothing, nor does an organization's role without its organization. */
export function grantsOf(roles: readonly RoleGrant[]): Grant[] {
  return roles.map(({ role, organizationId }) => ({
    permissions:
      role.startsWith("ORG_") && organizationId === undefined ? [] : (ROLE_PERMISSIONS[role] ?? []),
    ...(organizationId !== undefined && { organizationId }),
  }));
}
