/**
 * ZITADEL's roles, as far as they hold permissions that Countersign asks for, and who may give them.
 *
 * A role of the instance (IAM_...) holds for every organization, one of an organization (ORG_...) for the one that it is
 * given for. Giving or taking a role needs two things: the permission to do that there (`iam.member.write`,
 * `org.member.write`), and every permission that the role holds. So nobody makes an account that may do more than they
 * may themselves, nor gets hold of one: whoever acts on an account (roles, tokens, its end) has to hold all that it holds.
 */
import {
  checkGlobalPermission,
  checkPermission,
  holdsAll,
  type Caller,
  type Grant,
  type Permission,
} from "./caller.ts";
import { failure, type Failure } from "./failures.ts";

/** A role that an account holds: everywhere, or for one organization. */
export interface RoleGrant {
  readonly role: string;
  readonly organizationId?: string;
}

/** An account that needs more is better made two. */
export const MAX_ROLES = 50;

const USER_READ: readonly Permission[] = ["user.read"];
const USER_ALL: readonly Permission[] = [...USER_READ, "user.write", "user.delete", "user.self.delete"];
const ORGANIZATION_ALL: readonly Permission[] = [
  "org.read",
  "org.write",
  "org.member.write",
  ...USER_ALL,
  "events.read",
];

export const ROLE_PERMISSIONS: Readonly<Record<string, readonly Permission[]>> = {
  IAM_OWNER: ["iam.read", "iam.write", "iam.member.write", "org.create", ...ORGANIZATION_ALL],
  IAM_OWNER_VIEWER: ["iam.read", "events.read", "org.read", ...USER_READ],
  IAM_ORG_MANAGER: ["org.create", ...ORGANIZATION_ALL],
  IAM_USER_MANAGER: ["org.read", ...USER_ALL],
  IAM_LOGIN_CLIENT: ["iam.read", "org.read", "user.read", "user.write"],
  ORG_OWNER: ORGANIZATION_ALL,
  ORG_OWNER_VIEWER: ["events.read", "org.read", ...USER_READ],
  ORG_USER_MANAGER: ["org.read", ...USER_ALL],
  ORG_USER_PERMISSION_EDITOR: ["org.read", ...USER_READ],
  ORG_USER_SELF_MANAGER: ["user.self.delete"],
};

/** A role that is not known grants nothing, nor does an organization's role without its organization. */
export function grantsOf(roles: readonly RoleGrant[]): Grant[] {
  return roles.map(({ role, organizationId }) => ({
    permissions: isOfOrganization(role) && organizationId === undefined ? [] : permissionsOf(role),
    ...(organizationId !== undefined && { organizationId }),
  }));
}

/** Whether the role is given for one organization rather than for all. */
export function isOfOrganization(role: string): boolean {
  return role.startsWith("ORG_");
}

/**
 * Whether there are such roles, and each is given for an organization, or for all, as its kind asks for.
 *
 * @returns ROLES_INVALID, or undefined
 */
export function rolesProblem(roles: readonly RoleGrant[]): Failure | undefined {
  if (roles.length > MAX_ROLES) return invalid("roles", `an account has at most ${MAX_ROLES} roles`);
  const seen = new Set<string>();
  for (const [index, { role, organizationId }] of roles.entries()) {
    const field = `roles[${index}]`;
    if (!Object.hasOwn(ROLE_PERMISSIONS, role)) {
      const known = Object.keys(ROLE_PERMISSIONS).join(", ");
      return invalid(`${field}.role`, `there is no such role; there are ${known}`);
    }
    if (isOfOrganization(role) && (organizationId ?? "") === "") {
      return invalid(`${field}.organization_id`, `${role} is given for an organization`);
    }
    if (!isOfOrganization(role) && organizationId !== undefined) {
      return invalid(`${field}.organization_id`, `${role} is given for all organizations`);
    }
    const key = `${role} ${organizationId ?? ""}`;
    if (seen.has(key)) return invalid(field, "the role is there twice");
    seen.add(key);
  }
  return undefined;
}

/** Whether the caller may give these roles to somebody, and take them away. */
export function checkGivingRoles(caller: Caller, roles: readonly RoleGrant[]): Failure | undefined {
  for (const { organizationId } of roles) {
    const refused =
      organizationId === undefined
        ? checkGlobalPermission(caller, "iam.member.write")
        : checkPermission(caller, "org.member.write", { organizationId }, "not allowed");
    if (refused !== undefined) return refused;
  }
  return checkHoldingRoles(caller, roles);
}

/** Whether the caller may do all that the roles allow. */
export function checkHoldingRoles(caller: Caller, roles: readonly RoleGrant[]): Failure | undefined {
  return holdsAll(caller, grantsOf(roles)) ? undefined : failure("ROLES_EXCEED_CALLER");
}

function permissionsOf(role: string): readonly Permission[] {
  return Object.hasOwn(ROLE_PERMISSIONS, role) ? (ROLE_PERMISSIONS[role] ?? []) : [];
}

function invalid(field: string, description: string): Failure {
  const text = `The roles cannot be given: ${field}: ${description}`;
  return failure("ROLES_INVALID", { text, fields: [{ field, description }] });
}
