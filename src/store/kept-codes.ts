/**
 * Codes in answers that are kept for repetitions, see verification/user/idempotency.ts.
 *
 * Sealing a code takes longer than all the rest of keeping an answer, and sealing forty together takes little longer than
 * sealing one. So the codes of answers that are written together are sealed together, one to a line:
 *
 *     sealed codes   <what Keyring.seal makes of lines of `<start of the scope> <code>`>
 *     one of them    <sealed codes>#<line, from 0>
 *     of before      <what Keyring.seal makes of the code, with the scope as context>; gone a day after the upgrade
 *
 * The start of the scope makes a code fit its own answer alone: what was moved to another one does not open.
 */
import type { Keyring } from "./keyring.ts";

export interface CodeToKeep {
  readonly code: string;
  /** Of the Idempotency-Key. */
  readonly scope: string;
}

/** A code that goes to the caller: whoever keeps the answer has it sealed, with those of other answers where that suits. */
export interface ReturnedCode {
  readonly code: string;
  /** @returns the sealed codes, which `sealedCodeAt` tells apart */
  readonly seal: (codes: readonly CodeToKeep[]) => string;
}

/** Additional data of all lists: no other text that is sealed passes for one. */
const CONTEXT = "codes of kept answers";
/** Of a SHA-256 in base64url, 96 bits. */
const SCOPE_CHARACTERS = 16;
const MARK = "#";

export function sealCodes(keyring: Keyring, codes: readonly CodeToKeep[]): string {
  return keyring.seal(codes.map(lineOf).join("\n"), CONTEXT);
}

/** @param line from 0 */
export function sealedCodeAt(sealedCodes: string, line: number): string {
  return `${sealedCodes}${MARK}${line}`;
}

/** Whether the text is only where in its list a code stands. */
export function isPlaceOfCode(sealedCode: string): boolean {
  return sealedCode.startsWith(MARK);
}

/**
 * @returns undefined when the key that sealed the code is gone
 * @throws Error when the code is of another answer, or was changed
 */
export function openKeptCode(keyring: Keyring, sealed: string, scope: string): string | undefined {
  if (!keyring.canOpen(sealed)) return undefined;
  const mark = sealed.indexOf(MARK);
  if (mark < 0) return keyring.open(sealed, scope);
  const lines = keyring.open(sealed.slice(0, mark), CONTEXT).split("\n");
  const line = lines[Number(sealed.slice(mark + 1))] ?? "";
  const code = line.slice(SCOPE_CHARACTERS + 1);
  if (line !== lineOf({ code, scope })) throw new Error("the sealed code is that of another answer");
  return code;
}

function lineOf({ code, scope }: CodeToKeep): string {
  return `${scope.slice(0, SCOPE_CHARACTERS).padEnd(SCOPE_CHARACTERS)} ${code}`;
}
