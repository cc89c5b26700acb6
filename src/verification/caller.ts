/** Who asks, as the domain sees it, and the rule that says whether they may. */
import { failure, type Failure } from "./failures.ts";

/** ZITADEL's permission names, as far as Countersign's calls ask for them. */
export type Permission =
  | "iam.read"
  | "iam.write"
  | "iam.member.write"
  | "org.read"
  | "org.create"
  | "org.write"
  | "org.member.write"
  | "user.read"
  | "user.write"
  | "user.delete"
  | "user.self.delete"
  | "events.read";

/** A set of permissions, held everywhere or within one organization. */
export interface Grant {
  readonly permissions: readonly Permission[];
  /** Absent: the grant holds for every organization. */
  readonly organizationId?: string;
}

export type Caller =
  /** No credential was presented; only VerifyEmail accepts that. */
  | { readonly kind: "anonymous" }
  /** Countersign itself: bootstrap and the mail dispatcher. */
  | { readonly kind: "system" }
  | {
      readonly kind: "principal";
      readonly userId: string;
      /** The organization that the principal belongs to. */
      readonly organizationId: string;
      readonly grants: readonly Grant[];
      /** When the token that was presented ends, milliseconds since the Unix epoch; absent: it does not. */
      readonly credentialExpiresAtMs?: number;
    };

/** What a permission is asked for: a user of an organization, or the organization as a whole. */
export interface Target {
  readonly organizationId: string;
  readonly userId?: string;
}

/**
 * Whether the caller holds the permission on the target.
 *
 * @param self "allowed" where a user may act on its own account without the permission
 * @returns the failure that refuses the call, or undefined
 */
export function checkPermission(
  caller: Caller,
  permission: Permission,
  target: Target,
  self: "allowed" | "not allowed",
): Failure | undefined {
  if (caller.kind === "system") return undefined;
  if (caller.kind === "anonymous") return failure("AUTH_HEADER_MISSING");
  if (self === "allowed" && target.userId === caller.userId) return undefined;
  if (caller.grants.length === 0) return failure("MEMBERSHIP_NOT_FOUND");
  const holding = caller.grants.filter((grant) => grant.permissions.includes(permission));
  if (holding.length === 0) return failure("PERMISSION_DENIED", { metadata: { permission } });
  const covers = (grant: Grant) =>
    grant.organizationId === undefined || grant.organizationId === target.organizationId;
  return holding.some(covers) ? undefined : failure("PERMISSION_DENIED_HERE", { metadata: { permission } });
}

/**
 * Whether the caller holds the permission for every organization.
 *
 * @returns the failure that refuses the call, or undefined
 */
export function checkGlobalPermission(caller: Caller, permission: Permission): Failure | undefined {
  if (caller.kind === "system") return undefined;
  if (caller.kind === "anonymous") return failure("AUTH_HEADER_MISSING");
  if (caller.grants.length === 0) return failure("MEMBERSHIP_NOT_FOUND");
  const holding = caller.grants.filter((grant) => grant.permissions.includes(permission));
  if (holding.length === 0) return failure("PERMISSION_DENIED", { metadata: { permission } });
  const isGlobal = holding.some((grant) => grant.organizationId === undefined);
  return isGlobal ? undefined : failure("PERMISSION_DENIED_HERE", { metadata: { permission } });
}

/** Whether the caller may do all that the grants allow, wherever they allow it. */
export function holdsAll(caller: Caller, grants: readonly Grant[]): boolean {
  if (caller.kind !== "principal") return caller.kind === "system";
  const holds = (permission: Permission, organizationId: string | undefined) =>
    caller.grants.some(
      (own) =>
        own.permissions.includes(permission) &&
        (own.organizationId === undefined || own.organizationId === organizationId),
    );
  return grants.every(({ permissions, organizationId }) =>
    permissions.every((permission) => holds(permission, organizationId)),
  );
}
