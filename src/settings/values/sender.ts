/** The mailbox that mails come from: `name <address>` or an address. */
import { mailboxLimitProblem, parseMailbox } from "../../verification/email-address.ts";
import type { Sender } from "../config-types.ts";
import { Fault, parsed } from "./parsed.ts";

export const sender = parsed(parseSender);

function parseSender(text: string): Sender | Fault {
  const result = parseMailbox(text);
  if (!result.ok) return new Fault(`is not a mailbox: ${result.problem}`);
  const { displayName = "", address } = result.mailbox;
  const limitProblem = mailboxLimitProblem(result.mailbox);
  if (limitProblem !== undefined) return new Fault(`is not a mailbox: ${limitProblem}`);
  const name = displayName.replace(/"((?:[^"\\]|\\.)*)"/gu, (_, content: string) =>
    content.replace(/\\(.)/gu, "$1"),
  );
  return { name, address };
}
