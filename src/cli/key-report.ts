/** What the `keys` commands print: ids and times, never a key. */
import type { KeyState } from "../store/key-rotation.ts";
import { sourceName, type KeyCommandResult, type KeySource } from "./key-commands.ts";

const MINUTE_MS = 60_000;
const PRUNE = "`countersign keys prune`";

/** For people: one fact a line. */
export function renderKeysText(result: KeyCommandResult): string {
  // All there is to say is then what to do by hand.
  if (result.command === "rotate" && result.byHand !== undefined) return "";
  const lines = [
    ...changeLines(result),
    ...keyLines(result),
    ...result.missing.map(
      (key) =>
        `Key ${key.id} is missing, and ${usesOf(key).join(" and ")} cannot be read without it: restore it from a backup.`,
    ),
    ...(result.command === "rotate" ? [nextStep(result)] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** For machines: the same members whatever the command, times as ISO 8601. */
export function renderKeysJson(result: KeyCommandResult): string {
  const { source, keys, missing, added, dropped, resealedMails, unreadableMails, byHand } = result;
  const document = {
    source:
      source.kind === "file" ? { kind: "file", path: source.path } : { kind: "variable", name: source.name },
    keys: keys.map((key) => ({ ...usesJson(key), newest: key.isNewest, needed: key.isNeeded })),
    missing: missing.map(usesJson),
    added: added ?? null,
    dropped,
    resealedInboxMails: resealedMails,
    unreadableInboxMails: unreadableMails,
    done: byHand === undefined,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** What the operator has to do, and when each key may go. */
export function renderByHand(result: KeyCommandResult): string {
  const { command, source, byHand, keys, isShared } = result;
  const name = sourceName(source);
  const steps =
    command === "rotate"
      ? [
          ...(isShared ? sharedSteps(source) : ownSteps(source)),
          ...keys.map((key, index) => `     ${ordinal(index)} key now, ${key.id}: ${whenToTakeOut(key)}`),
        ]
      : keys.flatMap((key, index) =>
          key.isNeeded ? [] : [`  Take the ${ordinal(index)} key, ${key.id}, out of ${name}.`],
        );
  const task =
    command === "rotate" ? "nothing was changed. To rotate by hand:" : "the rest is to be done by hand:";
  return [`countersign: ${byHand}; ${task}`, ...steps].map((line) => `${line}\n`).join("");
}

function ownSteps(source: KeySource): string[] {
  const place = source.kind === "file" ? "on a line of its own" : "with a comma after it";
  return [
    `  1. Make a key: openssl rand -base64 32`,
    `  2. Put it first in ${sourceName(source)}, ${place}, and leave the keys that are there behind it.`,
    `  3. Start the service: it makes new codes with the first key, and still knows those of the others.`,
    `  4. Take a key out once nothing needs it; ${PRUNE} says so.`,
  ];
}

/** While instances run: none makes a code that another cannot read. */
function sharedSteps(source: KeySource): string[] {
  const name = sourceName(source);
  const place = source.kind === "file" ? "on a line of its own" : "with a comma before it";
  return [
    `  1. Make a key: openssl rand -base64 32`,
    `  2. Put it last in ${name} of every instance, ${place}; then start them anew, one after the other: all know it.`,
    `  3. Move it to the first place in every instance, and start them anew likewise: they make new codes with it.`,
    `  4. Take a key out once nothing needs it; \`countersign keys list\` says so, while they run.`,
  ];
}

function changeLines({ source, added, dropped, resealedMails, unreadableMails }: KeyCommandResult): string[] {
  const lines: string[] = [];
  if (added !== undefined) {
    lines.push(`New key ${added} stands first in ${sourceName(source)}: all new codes are made with it.`);
  }
  for (const id of dropped) lines.push(`Old key ${id} was dropped: nothing needs it any more.`);
  if (resealedMails > 0) {
    lines.push(
      `${mails(resealedMails)} in the dev inbox ${resealedMails === 1 ? "was" : "were"} sealed anew with the newest key.`,
    );
  }
  if (unreadableMails > 0) {
    lines.push(
      `${mails(unreadableMails)} in the dev inbox cannot be opened with any key; the inbox leaves them out.`,
    );
  }
  return lines;
}

function keyLines({ command, source, keys, dropped, added }: KeyCommandResult): string[] {
  const [newest, ...older] = keys;
  const isFile = source.kind === "file";
  const olderLines = older.map((key) => {
    if (!key.isNeeded) {
      return `Old key ${key.id} is not needed any more; ${isFile ? `${PRUNE} drops it` : `take it out of ${source.name}`}.`;
    }
    const then = isFile
      ? `a later \`countersign keys rotate\` or ${PRUNE} drops it`
      : "then it may be taken out";
    return `Old key ${key.id} is needed until ${untilOf(key)}; ${then}.`;
  });
  if (added !== undefined) return olderLines;
  const first = `Newest key ${newest?.id} in ${sourceName(source)}: all new codes are made with it.`;
  const nothing = command === "prune" && dropped.length === 0 ? ["No key was dropped."] : [];
  return [...nothing, first, ...olderLines];
}

/** "2026-11-22 14:05 UTC, when its last code expires" */
function untilOf({ codesUntilMs, inboxMails }: KeyState): string {
  const ends: string[] = [];
  if (codesUntilMs !== undefined) ends.push(`${timeText(codesUntilMs)}, when its last code expires`);
  if (inboxMails > 0) ends.push(`${PRUNE} seals ${mails(inboxMails)} of the dev inbox anew`);
  return ends.join(", and until ");
}

function whenToTakeOut(key: KeyState): string {
  const isUsed = key.codesUntilMs !== undefined || key.inboxMails > 0;
  if (!key.isNewest) return isUsed ? `needed until ${untilOf(key)}` : "not needed any more";
  return isUsed
    ? `needed until ${untilOf(key)}; codes that it makes until the service has the new key prolong that`
    : "not needed once the service has the new key, but for codes that it makes until then";
}

function usesOf({ codesUntilMs, inboxMails }: KeyState): string[] {
  const uses: string[] = [];
  if (codesUntilMs !== undefined) uses.push(`codes that can be used until ${timeText(codesUntilMs)}`);
  if (inboxMails > 0) uses.push(`${mails(inboxMails)} in the dev inbox`);
  return uses;
}

function usesJson({ id, codesUntilMs, inboxMails }: KeyState): object {
  const lastCodeExpiresAt = codesUntilMs === undefined ? null : new Date(codesUntilMs).toISOString();
  return { id, lastCodeExpiresAt, inboxMails };
}

function nextStep({ source, isShared }: KeyCommandResult): string {
  if (isShared) {
    return `Next: keep a copy of ${sourceName(source)} apart from the database, give the file to all instances, and start them.`;
  }
  return `Next: keep a copy of ${sourceName(source)} apart from the database, and start the service.`;
}

/** The full minute after: at the time that is shown, the time is over. */
function timeText(ms: number): string {
  const minute = (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS;
  return `${new Date(minute).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function mails(count: number): string {
  return count === 1 ? "1 mail" : `${count} mails`;
}

function ordinal(index: number): string {
  const names = ["first", "second", "third", "fourth", "fifth"];
  return names[index] ?? `${index + 1}th`;
}
