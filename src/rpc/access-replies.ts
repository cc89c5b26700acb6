/** From organizations, service accounts and tokens as the store has them to the messages of countersign.v1. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ServiceAccountState as WireState,
  type AccessTokenSchema,
  type ServiceAccountSchema,
} from "../../gen/countersign/v1/access_pb.ts";
import type { OrganizationSchema } from "../../gen/countersign/v1/organization_pb.ts";
import type { ListedAccessToken } from "../store/access-query.ts";
import type { OrganizationState } from "../verification/organization.ts";
import type { ServiceAccountState } from "../verification/service-account.ts";

export function wireOrganization(
  organizationId: string,
  { name, settings, createdAtMs, changedAtMs }: OrganizationState,
): MessageInitShape<typeof OrganizationSchema> {
  return {
    organizationId,
    name,
    settings: { ...settings, linkHosts: [...settings.linkHosts] },
    createTime: timestampFromMs(createdAtMs),
    changeTime: timestampFromMs(changedAtMs),
  };
}

export function wireServiceAccount(
  serviceAccountId: string,
  { organizationId, username, status, roles, createdAtMs, changedAtMs }: ServiceAccountState,
): MessageInitShape<typeof ServiceAccountSchema> {
  return {
    serviceAccountId,
    organizationId,
    username,
    state: status === "active" ? WireState.ACTIVE : WireState.INACTIVE,
    roles: roles.map((grant) => ({ role: grant.role, organizationId: grant.organizationId ?? "" })),
    createTime: timestampFromMs(createdAtMs),
    changeTime: timestampFromMs(changedAtMs),
  };
}

/** @param lastUsedMs where more is known than is written */
export function wireAccessToken(
  token: ListedAccessToken,
  lastUsedMs?: number,
): MessageInitShape<typeof AccessTokenSchema> {
  const { tokenId, serviceAccountId, organizationId, addedAtMs, expiresAtMs, revokedAtMs } = token;
  const usedAtMs = Math.max(lastUsedMs ?? 0, token.lastUsedAtMs ?? 0);
  return {
    tokenId,
    serviceAccountId,
    organizationId,
    createTime: timestampFromMs(addedAtMs),
    ...(expiresAtMs !== null && { expireTime: timestampFromMs(expiresAtMs) }),
    ...(usedAtMs > 0 && { lastUseTime: timestampFromMs(usedAtMs) }),
    ...(revokedAtMs !== null && { revokeTime: timestampFromMs(revokedAtMs) }),
  };
}
