/** The codes of a batch's answers: sealed together, on the main thread, which alone has the keys. */
import type { IdempotencyKey } from "../../verification/user/commands.ts";
import { sealedCodeAt, type ReturnedCode } from "../kept-codes.ts";

/** The code of one answer, and the part of its command that tells where it stands among those of its batch. */
export interface BatchCode extends ReturnedCode {
  readonly key: { -readonly [Part in keyof IdempotencyKey]: IdempotencyKey[Part] };
}

/**
 * Seals the codes and tells each command its place among them.
 *
 * @returns the sealed codes; "" where there are none
 */
export function sealTogether(codes: readonly BatchCode[]): string {
  const [first] = codes;
  if (first === undefined) return "";
  for (const [line, { key }] of codes.entries()) key.sealedCode = sealedCodeAt("", line);
  return first.seal(codes.map(({ code, key: { scope } }) => ({ code, scope })));
}
