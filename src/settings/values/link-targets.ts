/** Where links may lead, separated by commas. The rules are the domain's. */
import { parseLinkTarget } from "../../verification/link-target.ts";
import { Fault, parsed } from "./parsed.ts";

export const linkTargets = parsed(parseLinkTargets);

function parseLinkTargets(text: string): readonly string[] | Fault {
  const targets: string[] = [];
  for (const entry of text.split(",")) {
    const parsedEntry = parseLinkTarget(entry.trim());
    if (!parsedEntry.ok) return new Fault(parsedEntry.problem);
    targets.push(parsedEntry.target);
  }
  return targets;
}
