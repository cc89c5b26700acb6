/** Texts that callers choose for a user: no control characters (Unicode Cc), and no halves of characters. */
import { failure, type Failure } from "../failures.ts";
import type { NewProfile } from "./commands.ts";

export interface UserTexts {
  readonly userId?: string;
  readonly username?: string | undefined;
  readonly profile?: Partial<NewProfile> | undefined;
}

const UNFIT = /[\p{Cc}\p{Cs}]/u;
const DESCRIPTION = "takes no control characters";

/**
 * They make no sense in a name or an id, break lines where these are shown, and databases store them differently or not
 * at all. Blanks of any kind around a text do not count where they are not stored.
 *
 * @returns the failure that refuses the first one that is unfit, or undefined
 */
export function userTextProblem({ userId, username, profile }: UserTexts): Failure | undefined {
  const texts: readonly (readonly [field: string, text: string | undefined])[] = [
    ["user_id", userId],
    ["username", username?.trim()],
    ["profile.given_name", profile?.givenName?.trim()],
    ["profile.family_name", profile?.familyName?.trim()],
    ["profile.nick_name", profile?.nickName],
    ["profile.display_name", profile?.displayName?.trim()],
    ["profile.preferred_language", profile?.preferredLanguage],
  ];
  const unfit = texts.find(([, text]) => text !== undefined && UNFIT.test(text));
  if (unfit === undefined) return undefined;
  const [field] = unfit;
  const text = `The user cannot be like this: ${field} ${DESCRIPTION}`;
  return failure("USER_INVALID", { text, fields: [{ field, description: DESCRIPTION }] });
}
