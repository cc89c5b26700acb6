/** Organizations, service accounts and tokens as people read them. */
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import {
  ServiceAccountState,
  type AccessToken,
  type Organization,
  type RoleGrant,
  type ServiceAccount,
} from "../client/contract.ts";
import { renderFacts, renderTable, timeText } from "./table.ts";

export function renderOrganization(organization: Organization): string {
  const { organizationId, name, settings, createTime, changeTime } = organization;
  return renderFacts([
    ["organization id", organizationId],
    ["name", name],
    ["link hosts", settings?.linkHosts.join(", ") ?? ""],
    ["sender name", settings?.senderName ?? ""],
    ["sender address", settings?.senderAddress ?? ""],
    ["template folder", settings?.templateFolder ?? ""],
    ["notices", settings?.notices === false ? "off" : "on"],
    ["display name", settings?.displayName ?? ""],
    ["logo", settings?.logoUrl ?? ""],
    ["color", settings?.color ?? ""],
    ["created", textOf(createTime)],
    ["changed", textOf(changeTime)],
  ]);
}

export function renderOrganizations(
  organizations: readonly Organization[],
  widthLimit: number | undefined,
): string {
  const rows = organizations.map(({ organizationId, name, createTime }) => [
    organizationId,
    textOf(createTime),
    name,
  ]);
  return renderTable(["ORGANIZATION", "CREATED", "NAME"], rows, widthLimit);
}

export function renderAccount(account: ServiceAccount): string {
  const { serviceAccountId, username, organizationId, roles, createTime, changeTime } = account;
  return renderFacts([
    ["account id", serviceAccountId],
    ["username", username],
    ["state", stateOf(account)],
    ["organization", organizationId],
    ["roles", roles.length === 0 ? "none" : roles.map(roleText).join(", ")],
    ["created", textOf(createTime)],
    ["changed", textOf(changeTime)],
  ]);
}

export function renderAccounts(accounts: readonly ServiceAccount[], widthLimit: number | undefined): string {
  const rows = accounts.map((account) => [
    account.serviceAccountId,
    account.username,
    stateOf(account),
    account.organizationId,
    account.roles.map(roleText).join(", "),
  ]);
  return renderTable(["ACCOUNT", "USERNAME", "STATE", "ORGANIZATION", "ROLES"], rows, widthLimit);
}

/** @param now what tells expired tokens from others */
export function renderTokens(
  tokens: readonly AccessToken[],
  now: Date,
  widthLimit: number | undefined,
): string {
  const rows = tokens.map((token) => [
    token.tokenId,
    token.serviceAccountId,
    tokenState(token, now),
    textOf(token.createTime),
    token.expireTime === undefined ? "never" : textOf(token.expireTime),
    token.lastUseTime === undefined ? "never" : textOf(token.lastUseTime),
  ]);
  return renderTable(["TOKEN", "ACCOUNT", "STATE", "CREATED", "EXPIRES", "LAST USED"], rows, widthLimit);
}

/** @param token what is shown this once */
export function renderNewToken(token: string, accessToken: AccessToken | undefined): string {
  return renderFacts([
    ["token", token],
    ["token id", accessToken?.tokenId ?? ""],
    ["account", accessToken?.serviceAccountId ?? ""],
    ["expires", accessToken?.expireTime === undefined ? "never" : textOf(accessToken.expireTime)],
  ]);
}

function tokenState({ revokeTime, expireTime }: AccessToken, now: Date): string {
  if (revokeTime !== undefined) return "revoked";
  return expireTime !== undefined && timestampDate(expireTime) <= now ? "expired" : "valid";
}

function stateOf({ state }: ServiceAccount): string {
  return state === ServiceAccountState.ACTIVE ? "active" : "inactive";
}

function roleText({ role, organizationId }: RoleGrant): string {
  return organizationId === "" ? role : `${role}:${organizationId}`;
}

function textOf(time: Timestamp | undefined): string {
  return timeText(time && timestampDate(time));
}
