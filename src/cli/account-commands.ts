/** `countersign account create`, `list`, `show`, `set-roles`, `deactivate`, `reactivate` and `delete`. */
import { toJson } from "@bufbuild/protobuf";
import { ServiceAccountSchema, type ServiceAccount } from "../client/contract.ts";
import { findAccount } from "./account-lookup.ts";
import { renderAccount, renderAccounts } from "./access-report.ts";
import type { RoleFlag } from "./access-values.ts";
import { allPages, noteOnList } from "./all-pages.ts";
import { EXIT_OK, EXIT_USAGE } from "./exit-codes.ts";
import { CommandError, withService } from "./service.ts";
import type { ServiceFlags } from "./service-options.ts";
import { writeJson } from "./write-json.ts";

/** Of `account create`. */
export interface CreateAccountFlags extends ServiceFlags {
  readonly role?: readonly RoleFlag[];
  readonly organization?: string;
  readonly accountId?: string;
}

/** Of `account list`. */
export interface ListAccountsFlags extends ServiceFlags {
  readonly organization?: string;
  readonly limit: number;
}

/** Of `account set-roles`. */
export interface SetRolesFlags extends ServiceFlags {
  readonly role?: readonly RoleFlag[];
  readonly none?: true;
  readonly force?: true;
}

/** Of `account deactivate` and `account delete`. */
export interface EndAccountFlags extends ServiceFlags {
  readonly force?: true;
}

export type LifeCycle = "deactivate" | "reactivate" | "delete";

/** @returns the exit code: 0, 1 when it cannot be added */
export function createAccount(username: string, flags: CreateAccountFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { role = [], organization = "", accountId = "" } = flags;
    const { serviceAccount } = await client.access.createServiceAccount({
      serviceAccountId: accountId,
      organizationId: organization,
      username,
      roles: [...role],
    });
    write(serviceAccount, flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0 */
export function listAccounts(flags: ListAccountsFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { organization = "", limit, json } = flags;
    const { items, hasMore } = await allPages(limit, async (page) => {
      const query = { organizationId: organization, ...page };
      const { serviceAccounts, nextPageToken } = await client.access.listServiceAccounts(query);
      return { items: serviceAccounts, nextPageToken };
    });
    if (json === true) {
      writeJson({ serviceAccounts: items.map((account) => toJson(ServiceAccountSchema, account)) });
    } else if (items.length > 0) {
      process.stdout.write(renderAccounts(items, process.stdout.columns));
    }
    noteOnList("service account", items.length, hasMore);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 4 when there is no such account */
export function showAccount(which: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    write(await findAccount(client, which), flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 2 without roles, 4 when there is no such account */
export function setAccountRoles(which: string, flags: SetRolesFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { role = [], none, force = false } = flags;
    if ((role.length === 0) !== (none === true)) {
      throw new CommandError("give the roles with --role, or --none for no role at all", EXIT_USAGE);
    }
    const { serviceAccountId } = await findAccount(client, which);
    const request = { serviceAccountId, roles: [...role], force };
    write((await client.access.setServiceAccountRoles(request)).serviceAccount, flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 1 when its state does not allow it, 4 when there is no such account */
export function changeAccountLife(what: LifeCycle, which: string, flags: EndAccountFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { serviceAccountId } = await findAccount(client, which);
    const of = { serviceAccountId };
    const { force = false } = flags;
    if (what === "delete") {
      await client.access.deleteServiceAccount({ ...of, force });
      if (flags.json === true) writeJson({ serviceAccountId, deleted: true });
      else process.stdout.write(`deleted ${serviceAccountId}\n`);
      return EXIT_OK;
    }
    const { serviceAccount } =
      what === "deactivate"
        ? await client.access.deactivateServiceAccount({ ...of, force })
        : await client.access.reactivateServiceAccount(of);
    write(serviceAccount, flags);
    return EXIT_OK;
  });
}

function write(account: ServiceAccount | undefined, { json }: ServiceFlags): void {
  if (account === undefined) return;
  if (json === true) writeJson(toJson(ServiceAccountSchema, account));
  else process.stdout.write(renderAccount(account));
}
