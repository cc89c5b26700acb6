/** `countersign token create`, `list` and `revoke`. */
import { toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AccessTokenSchema, CreateAccessTokenResponseSchema } from "../client/contract.ts";
import { findAccount } from "./account-lookup.ts";
import { renderNewToken, renderTokens } from "./access-report.ts";
import { allPages, noteOnList } from "./all-pages.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { CommandError, withService } from "./service.ts";
import type { ServiceFlags } from "./service-options.ts";
import { writeJson } from "./write-json.ts";

/** Of `token create`. */
export interface CreateTokenFlags extends ServiceFlags {
  readonly expires?: Date;
  readonly tokenOnly?: true;
}

/** Of `token list`. */
export interface ListTokensFlags extends ServiceFlags {
  readonly account?: string;
  readonly organization?: string;
  readonly limit: number;
}

/** @returns the exit code: 0, 4 when there is no such account */
export function createAccessToken(account: string, flags: CreateTokenFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { serviceAccountId } = await findAccount(client, account);
    const { expires, tokenOnly, json } = flags;
    const answer = await client.access.createAccessToken({
      serviceAccountId,
      ...(expires !== undefined && { expireTime: timestampFromDate(expires) }),
    });
    if (tokenOnly === true) process.stdout.write(`${answer.token}\n`);
    else if (json === true) writeJson(toJson(CreateAccessTokenResponseSchema, answer));
    else process.stdout.write(renderNewToken(answer.token, answer.accessToken));
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 4 when there is no such account */
export function listAccessTokens(flags: ListTokensFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { account, organization, limit, json } = flags;
    const query = {
      ...(account !== undefined && {
        serviceAccountId: (await findAccount(client, account)).serviceAccountId,
      }),
      ...(organization !== undefined && { organizationId: organization }),
    };
    const { items, hasMore } = await allPages(limit, async (page) => {
      const { tokens, nextPageToken } = await client.access.listAccessTokens({ ...query, ...page });
      return { items: tokens, nextPageToken };
    });
    if (json === true) writeJson({ tokens: items.map((token) => toJson(AccessTokenSchema, token)) });
    else if (items.length > 0) {
      process.stdout.write(renderTokens(items, new Date(), process.stdout.columns));
    }
    noteOnList("token", items.length, hasMore);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 4 when there is no such token */
export function revokeAccessToken(tokenId: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    // Somebody is in a hurry here, and their shell's history should not keep it.
    if (tokenId.startsWith("cs_")) {
      throw new CommandError("that is a token, not a token's id: `countersign token list` shows the ids");
    }
    await client.access.revokeAccessToken({ tokenId });
    if (flags.json === true) writeJson({ tokenId, revoked: true });
    else process.stdout.write(`revoked ${tokenId}\n`);
    return EXIT_OK;
  });
}
