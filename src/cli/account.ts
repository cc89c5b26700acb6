/** `countersign account`: service accounts of a running service, and their roles. */
import type { Command } from "commander";
import { roleFlag } from "./access-values.ts";
import type { CreateAccountFlags, LifeCycle, ListAccountsFlags, SetRolesFlags } from "./account-commands.ts";
import { addServiceOptions, type ServiceFlags } from "./service-options.ts";
import { wholeNumber } from "./values.ts";

export interface AccountContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

const DEFAULT_LIST_LIMIT = 50;
const MAX_LIST_LIMIT = 10_000;

const ROLE_HELP =
  "a role such as ORG_USER_MANAGER (for the account's own organization), ORG_USER_MANAGER:acme or IAM_OWNER; may be given several times";

const LIFE_CYCLE: Readonly<Record<LifeCycle, string>> = {
  deactivate: "Keep a service account from calling, whatever tokens it has.",
  reactivate: "Let a deactivated service account call again.",
  delete: "Remove a service account and its tokens, for good.",
};

/** Adds `account create`, `list`, `show`, `set-roles`, `deactivate`, `reactivate` and `delete`. */
export function defineAccount(program: Command, context: AccountContext): void {
  const account = program
    .command("account")
    .description("Manage service accounts, which services call as; `token create` makes their tokens.");
  defineCreate(account, context);
  defineList(account, context);
  defineShow(account, context);
  defineSetRoles(account, context);
  for (const what of Object.keys(LIFE_CYCLE) as LifeCycle[]) defineLifeCycle(account, what, context);
}

function defineCreate(account: Command, context: AccountContext): void {
  const create = account
    .command("create")
    .description("Add a service account.")
    .argument("<username>", "a name that no other account and no user has")
    .option("--role <role>", ROLE_HELP, roleFlag)
    .option("--organization <id>", "organization of the account (default: the token's)")
    .option("--account-id <id>", "id of your own (default: the service makes one)");
  addServiceOptions(create).action(async (username: string, flags: CreateAccountFlags) => {
    // Loaded here, so that other commands do not wait for it.
    const { createAccount } = await import("./account-commands.ts");
    context.end(await createAccount(username, flags));
  });
}

function defineList(account: Command, context: AccountContext): void {
  const list = account
    .command("list")
    .description("List service accounts.")
    .option("--organization <id>", "accounts of an organization (default: all that the token may read)")
    .option(
      "--limit <count>",
      `how many at most, up to ${MAX_LIST_LIMIT} (default: ${DEFAULT_LIST_LIMIT})`,
      wholeNumber(1, MAX_LIST_LIMIT),
    );
  addServiceOptions(list).action(async (flags: Omit<ListAccountsFlags, "limit"> & { limit?: number }) => {
    const { listAccounts } = await import("./account-commands.ts");
    context.end(await listAccounts({ ...flags, limit: flags.limit ?? DEFAULT_LIST_LIMIT }));
  });
}

function defineShow(account: Command, context: AccountContext): void {
  const show = account
    .command("show")
    .description("Show a service account.")
    .argument("<account>", "its id or username");
  addServiceOptions(show).action(async (which: string, flags: ServiceFlags) => {
    const { showAccount } = await import("./account-commands.ts");
    context.end(await showAccount(which, flags));
  });
}

function defineSetRoles(account: Command, context: AccountContext): void {
  const setRoles = account
    .command("set-roles")
    .description("Give a service account these roles in the place of all that it has.")
    .argument("<account>", "its id or username")
    .option("--role <role>", ROLE_HELP, roleFlag)
    .option("--none", "no role at all");
  addServiceOptions(setRoles).action(async (which: string, flags: SetRolesFlags) => {
    const { setAccountRoles } = await import("./account-commands.ts");
    context.end(await setAccountRoles(which, flags));
  });
}

function defineLifeCycle(account: Command, what: LifeCycle, context: AccountContext): void {
  const command = account
    .command(what)
    .description(LIFE_CYCLE[what])
    .argument("<account>", "its id or username");
  addServiceOptions(command).action(async (which: string, flags: ServiceFlags) => {
    const { changeAccountLife } = await import("./account-commands.ts");
    context.end(await changeAccountLife(what, which, flags));
  });
}
