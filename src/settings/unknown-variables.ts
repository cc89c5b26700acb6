/**
 * Variables with our prefix that no setting reads. One that is likely to be a misspelt setting is a problem, because
 * the service would run with a default that nobody chose; any other is only warned about.
 */
import { CLIENT_SETTINGS } from "./client-settings.ts";
import type { Texts } from "./given-text.ts";
import { SERVER_SETTINGS } from "./server-settings.ts";
import { nameIn, variableOf, type Setting } from "./setting.ts";

// What Kubernetes sets in every pod of a namespace that has a service named "countersign".
const SERVICE_VARIABLE = /^(?:PORT|SERVICE_HOST|SERVICE_PORT)$|^(?:PORT|SERVICE_PORT)_/;
const MAX_TYPO_DISTANCE = 2;

export function unknownVariables(env: Texts): {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
} {
  const known = Object.values<Setting>(SERVER_SETTINGS);
  // Of the commands that call the service: they may share its environment.
  const ofClients = Object.values<Setting>(CLIENT_SETTINGS);
  const names = new Set([...known, ...ofClients].map((setting) => setting.name));
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    const name = nameIn(variable);
    if (name === undefined || text === undefined || text.trim() === "") continue;
    if (names.has(name) || SERVICE_VARIABLE.test(name)) continue;
    const meant = closest(name, known);
    if (meant === undefined) warnings.push(`${variable} is not a setting of this version and has no effect`);
    else problems.push(`${variable}: is not a setting; did you mean ${variableOf(meant)}?`);
  }
  return { problems, warnings };
}

/** The setting whose name is within two edits, else one that begins like this name or goes on from it. */
function closest(name: string, known: readonly Setting[]): Setting | undefined {
  const byDistance = known
    .map((setting) => ({ setting, distance: editDistance(name, setting.name) }))
    .toSorted((a, b) => a.distance - b.distance);
  const nearest = byDistance[0];
  if (nearest !== undefined && nearest.distance <= MAX_TYPO_DISTANCE) return nearest.setting;
  if (name === "") return undefined;
  return byDistance.find(({ setting }) => setting.name.startsWith(name) || name.startsWith(setting.name))
    ?.setting;
}

/** Levenshtein: insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
