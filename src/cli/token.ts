/** `countersign token`: access tokens of service accounts of a running service. */
import type { Command } from "commander";
import { timeAhead } from "./access-values.ts";
import { addServiceOptions, type ServiceFlags } from "./service-options.ts";
import type { CreateTokenFlags, ListTokensFlags } from "./token-commands.ts";
import { wholeNumber } from "./values.ts";

export interface TokenContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

const DEFAULT_LIST_LIMIT = 50;
const MAX_LIST_LIMIT = 10_000;

/** Adds `token create`, `list` and `revoke`. */
export function defineToken(program: Command, context: TokenContext): void {
  const token = program.command("token").description("Make, list and revoke access tokens.");
  defineCreate(token, context);
  defineList(token, context);
  defineRevoke(token, context);
}

function defineCreate(token: Command, context: TokenContext): void {
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
  addServiceOptions(create).action(async (account: string, flags: CreateTokenFlags) => {
    // Loaded here, so that other commands do not wait for it.
    const { createAccessToken } = await import("./token-commands.ts");
    context.end(await createAccessToken(account, flags));
  });
}

function defineList(token: Command, context: TokenContext): void {
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
    .option(
      "--limit <count>",
      `how many at most, up to ${MAX_LIST_LIMIT} (default: ${DEFAULT_LIST_LIMIT})`,
      wholeNumber(1, MAX_LIST_LIMIT),
    );
  addServiceOptions(list).action(async (flags: Omit<ListTokensFlags, "limit"> & { limit?: number }) => {
    const { listAccessTokens } = await import("./token-commands.ts");
    context.end(await listAccessTokens({ ...flags, limit: flags.limit ?? DEFAULT_LIST_LIMIT }));
  });
}

function defineRevoke(token: Command, context: TokenContext): void {
  const revoke = token
    .command("revoke")
    .description("End a token: it is refused from its next call on.")
    .argument("<token id>", "its id, as `token list` shows it");
  addServiceOptions(revoke).action(async (tokenId: string, flags: ServiceFlags) => {
    const { revokeAccessToken } = await import("./token-commands.ts");
    context.end(await revokeAccessToken(tokenId, flags));
  });
}
