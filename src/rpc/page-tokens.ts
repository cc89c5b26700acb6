/**
 * Tokens that continue a list: where a page ended, sealed, so that they say nothing and cannot be made up. A token is
 * bound to the question that it continues; with other filters it is refused, rather than answered with a mixture.
 */
import type { Keyring } from "../store/keyring.ts";
import { failure, FailureError } from "../verification/failures.ts";

/** @param question all that the pages of a list have in common, as data */
export function sealPageToken(keyring: Keyring, question: unknown, place: unknown): string {
  return Buffer.from(keyring.seal(JSON.stringify(place), contextOf(question))).toString("base64url");
}

/** @throws FailureError REQUEST_INVALID for a token of another question, or no token of ours */
export function openPageToken(keyring: Keyring, question: unknown, token: string): unknown {
  try {
    const sealed = Buffer.from(token, "base64url").toString("latin1");
    return JSON.parse(keyring.open(sealed, contextOf(question)));
  } catch (error) {
    const description = "no page token of this list, or one of other filters: begin again without it";
    throw new FailureError(
      failure("REQUEST_INVALID", {
        text: `invalid page_token: ${description}`,
        fields: [{ field: "page_token", description }],
      }),
      { cause: error },
    );
  }
}

function contextOf(question: unknown): string {
  return `page ${JSON.stringify(question)}`;
}
