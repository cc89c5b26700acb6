/** `countersign account`: service accounts of a running service, and their roles. */
import type { Command } from "commander";
import { roleFlag } from "./access-values.ts";
import type { CommandContext } from "./command-context.ts";
import type { EndAccountFlags, LifeCycle } from "./account-commands.ts";
import { limitOption, runOnService } from "./service-command.ts";

const commands = () => import("./account-commands.ts");

const ROLE_HELP =
  "a role such as ORG_USER_MANAGER (for the account's own organization), ORG_USER_MANAGER:acme or IAM_OWNER; may be given several times";

const FORCE_HELP = "even of the last owner of an organization";

const LIFE_CYCLE: Readonly<Record<LifeCycle, string>> = {
  deactivate: "Keep a service account from calling, whatever tokens it has.",
  reactivate: "Let a deactivated service account call again.",
  delete: "Remove a service account and its tokens, for good.",
};

/** Adds `account create`, `list`, `show`, `set-roles`, `deactivate`, `reactivate` and `delete`. */
export function defineAccount(program: Command, context: CommandContext): void {
  const account = program
    .command("account")
    .description("Manage service accounts, which services call as; `token create` makes their tokens.");
  defineCreate(account, context);
  defineList(account, context);
  defineShow(account, context);
  defineSetRoles(account, context);
  for (const what of Object.keys(LIFE_CYCLE) as LifeCycle[]) defineLifeCycle(account, what, context);
}

function defineCreate(account: Command, context: CommandContext): void {
  const create = account
    .command("create")
    .description("Add a service account.")
    .argument("<username>", "a name that no other account and no user has")
    .option("--role <role>", ROLE_HELP, roleFlag)
    .option("--organization <id>", "organization of the account (default: the token's)")
    .option("--account-id <id>", "id of your own (default: the service makes one)");
  runOnService(create, context, async () => (await commands()).createAccount);
}

function defineList(account: Command, context: CommandContext): void {
  const list = account
    .command("list")
    .description("List service accounts.")
    .option("--organization <id>", "accounts of an organization (default: all that the token may read)")
    .addOption(limitOption());
  runOnService(list, context, async () => (await commands()).listAccounts);
}

function defineShow(account: Command, context: CommandContext): void {
  const show = account
    .command("show")
    .description("Show a service account.")
    .argument("<account>", "its id or username");
  runOnService(show, context, async () => (await commands()).showAccount);
}

function defineSetRoles(account: Command, context: CommandContext): void {
  const setRoles = account
    .command("set-roles")
    .description("Give a service account these roles in the place of all that it has.")
    .argument("<account>", "its id or username")
    .option("--role <role>", ROLE_HELP, roleFlag)
    .option("--none", "no role at all")
    .option("--force", FORCE_HELP);
  runOnService(setRoles, context, async () => (await commands()).setAccountRoles);
}

function defineLifeCycle(account: Command, what: LifeCycle, context: CommandContext): void {
  const command = account
    .command(what)
    .description(LIFE_CYCLE[what])
    .argument("<account>", "its id or username");
  if (what !== "reactivate") command.option("--force", FORCE_HELP);
  runOnService(command, context, async () => {
    const { changeAccountLife } = await commands();
    return (which: string, flags: EndAccountFlags) => changeAccountLife(what, which, flags);
  });
}
