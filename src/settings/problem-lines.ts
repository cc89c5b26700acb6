/** What is told of a value that is no good: one line, without secrets, with an example that works. */
import type { Given } from "./given-text.ts";
import { flagOf, variableOf, type Setting } from "./setting.ts";

const MAX_SHOWN_VALUE_LENGTH = 60;

/**
 * `COUNTERSIGN_CODE_LENGTH: "x" is not a whole number; example: COUNTERSIGN_CODE_LENGTH=8`
 *
 * @param fault goes on after the value
 * @param given undefined: the fallback was no good
 */
export function problemLine(setting: Setting, fault: string, given: Given | undefined): string {
  const variable = variableOf(setting);
  const isFlag = given?.from === "flag";
  const source = isFlag ? `${variable} (${flagOf(setting)})` : variable;
  const subject = given === undefined || setting.confidential ? "the value" : shown(given.text);
  const example = isFlag ? `${flagOf(setting)} ${quoted(setting.example)}` : exampleLine(setting);
  return `${source}: ${subject} ${fault}; example: ${example}`;
}

/** `COUNTERSIGN_CODE_LENGTH=8`, as a shell would have to be given it. */
export function exampleLine(setting: Setting): string {
  return `${variableOf(setting)}=${quoted(setting.example)}`;
}

/** In quotes and escaped, so that no value can break a line or move a terminal's cursor. */
function shown(text: string): string {
  const cut = text.length > MAX_SHOWN_VALUE_LENGTH ? `${text.slice(0, MAX_SHOWN_VALUE_LENGTH)}...` : text;
  return JSON.stringify(cut).replace(/[\u007F-\u009F]/g, "?");
}

function quoted(example: string): string {
  if (!/[\s<>*]/.test(example)) return example;
  // Single quotes would keep the shell from running what makes the value.
  return example.includes("$(") ? `"${example}"` : `'${example}'`;
}
