/**
 * Whether the admin account of the first start can still call, and do what an owner may. It may be meant that it cannot,
 * once there are other accounts; but an operator who counts on its token should learn so from the start.
 *
 * Its token never expires; one that does belongs to another use, and is refused at the start (bootstrap.ts).
 */
import type { Store } from "../store/store.ts";
import { ALL_ORGANIZATIONS, isActiveOwner } from "../verification/last-owner.ts";

export interface AdminOf {
  readonly serviceAccountId: string;
  /** Of the token that it has after the start. */
  readonly tokenHash: string;
  /** Undefined for a token from the settings. */
  readonly tokenFile: string | undefined;
}

/** @returns what is wrong and what to do, in words for the log; undefined when all is well */
export async function findAdminProblem(
  store: Pick<Store, "findServiceAccount" | "findAccessToken">,
  { serviceAccountId, tokenHash, tokenFile }: AdminOf,
): Promise<string | undefined> {
  const place = tokenFile ?? "COUNTERSIGN_ADMIN_TOKEN";
  const account = await store.findServiceAccount(serviceAccountId);
  if (account?.status === "inactive") {
    const { username } = account;
    return `the admin account ${username} is deactivated, so the token in ${place} is refused: have another account with the role IAM_OWNER reactivate it (countersign account reactivate ${username})`;
  }
  if (account?.status !== "active") {
    return `the admin account ${account?.username ?? serviceAccountId} was removed, so the token in ${place} is refused: use the token of another account with the role IAM_OWNER`;
  }
  const token = await store.findAccessToken(tokenHash);
  if (token === undefined || token.revokedAtMs !== null) {
    const remedy = tokenFile === undefined ? "set another value" : "delete the file";
    return `the admin token in ${place} was revoked and is refused: ${remedy}, and start again`;
  }
  if (!isActiveOwner(account, ALL_ORGANIZATIONS)) {
    const { username } = account;
    return `the admin account ${username} has lost the role IAM_OWNER, so its token in ${place} may do no more than its roles say: have another account with that role give it back (countersign account set-roles ${username} --role IAM_OWNER)`;
  }
  return undefined;
}
