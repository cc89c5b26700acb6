/** A service account by what people call it. */
import { callFailure } from "../client/call-failure.ts";
import type { ServiceAccount } from "../client/contract.ts";
import type { CountersignClient } from "../client/node-client.ts";
import { EXIT_NOT_FOUND } from "./exit-codes.ts";
import { CommandError } from "./service.ts";

/**
 * @param account id or username
 * @throws CommandError when there is none
 */
export async function findAccount(client: CountersignClient, account: string): Promise<ServiceAccount> {
  const found = (await byId(client, account)) ?? (await byUsername(client, account));
  if (found !== undefined) return found;
  throw new CommandError("there is no service account with that id or username", EXIT_NOT_FOUND);
}

async function byId(
  client: CountersignClient,
  serviceAccountId: string,
): Promise<ServiceAccount | undefined> {
  try {
    return (await client.access.getServiceAccount({ serviceAccountId })).serviceAccount;
  } catch (error) {
    if (callFailure(error).reason === "SERVICE_ACCOUNT_NOT_FOUND") return undefined;
    throw error;
  }
}

async function byUsername(client: CountersignClient, username: string): Promise<ServiceAccount | undefined> {
  const { serviceAccounts } = await client.access.listServiceAccounts({ username });
  return serviceAccounts[0];
}
