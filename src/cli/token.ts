/** `countersign token`: access tokens of service accounts of a running service. */
import type { Command } from "commander";
import { timeAhead } from "./access-values.ts";
import type { CommandContext } from "./command-context.ts";
import { limitOption, runOnService } from "./service-command.ts";

const commands = () => import("./token-commands.ts");

/** Adds `token create`, `list` and `revoke`. */
export function defineToken(program: Command, context: CommandContext): void {
  const token = program.command("token").description("Make, list and revoke access tokens.");
  defineCreate(token, context);
  defineList(token, context);
  defineRevoke(token, context);
}

function defineCreate(token: Command, context: CommandContext): void {
  const create = token
    .command("create")
    .description("Make a token for a service account. It is shown this once: only a digest of it is kept.")
    .argument("<account>", "the account's id or username")
    .option(
      "--expires <time>",
      "when it stops working: in 12h, 90d, or a time such as 2027-03-31T00:00Z (default: never)",
      timeAhead,
    )
    .option("--token-only", "print nothing but the token");
  runOnService(create, context, async () => (await commands()).createAccessToken);
}

function defineList(token: Command, context: CommandContext): void {
  const list = token
    .command("list")
    .description(
      "List tokens, expired and revoked ones too, with their last use. The tokens themselves nobody has.",
    )
    .option("--account <account>", "tokens of an account, by its id or username")
    .option(
      "--organization <id>",
      "tokens of an organization's accounts (default: all that the token may read)",
    )
    .addOption(limitOption());
  runOnService(list, context, async () => (await commands()).listAccessTokens);
}

function defineRevoke(token: Command, context: CommandContext): void {
  const revoke = token
    .command("revoke")
    .description("End a token: it is refused from its next call on.")
    .argument("<token id>", "its id, as `token list` shows it");
  runOnService(revoke, context, async () => (await commands()).revokeAccessToken);
}
