/**
 * The texts that a verification mail is made of, and what may stand in them.
 *
 * A text is plain words with placeholders, `{{name}}`. Each language has all of them; operators replace any of them.
 */
import type { NoticeTexts } from "./notice-texts.ts";

/** What a text may hold beside its words. */
export type Placeholder =
  | "name"
  | "address"
  | "code"
  | "sender"
  | "expiry"
  | "expiryDate"
  | "expiryTime"
  | "lifetime";

export const PLACEHOLDERS: Readonly<Record<Placeholder, string>> = {
  name: "The reader's display name; empty when there is none.",
  address: "The address that is verified.",
  code: "The code.",
  sender: "The sender's name, or else its domain.",
  expiry: "When the code ends, such as `22 November 2026 at 21:05 UTC`.",
  expiryDate: "The date alone, such as `22 November 2026`.",
  expiryTime: "The time alone, in UTC: `21:05`.",
  lifetime: "How long the code lives, such as `1 hour`.",
};

export interface TextRule {
  readonly help: string;
  /** Placeholders that the text is of no use without. */
  readonly needs: readonly Placeholder[];
  /** May be "", and then leaves no trace in the mail. */
  readonly mayBeEmpty: boolean;
  /** In UTF-16 code units. */
  readonly maxLength: number;
}

const MAX_HEADER_TEXT = 200;
const MAX_TEXT = 2_000;

/** In the order in which a reader meets them. */
export const TEXT_RULES = {
  subject: {
    help: "Subject of the mail. A code in it can be read in logs of relays and on locked screens.",
    needs: [],
    mayBeEmpty: false,
    maxLength: MAX_HEADER_TEXT,
  },
  preheader: {
    help: "What lists of mails show after the subject; hidden in the mail itself.",
    needs: [],
    mayBeEmpty: true,
    maxLength: MAX_HEADER_TEXT,
  },
  title: { help: "Heading.", needs: [], mayBeEmpty: false, maxLength: MAX_HEADER_TEXT },
  greeting: { help: "First line.", needs: ["name"], mayBeEmpty: false, maxLength: MAX_TEXT },
  greetingWithoutName: {
    help: "First line for a reader whose name is not known.",
    needs: [],
    mayBeEmpty: false,
    maxLength: MAX_TEXT,
  },
  intro: { help: "Stands before the code.", needs: [], mayBeEmpty: false, maxLength: MAX_TEXT },
  button: { help: "On the button.", needs: [], mayBeEmpty: false, maxLength: MAX_HEADER_TEXT },
  linkIntro: {
    help: "Stands before the link in the text part.",
    needs: [],
    mayBeEmpty: false,
    maxLength: MAX_TEXT,
  },
  linkFallback: {
    help: "Stands before the link below the button.",
    needs: [],
    mayBeEmpty: true,
    maxLength: MAX_TEXT,
  },
  validity: { help: "How long the code can be used.", needs: [], mayBeEmpty: true, maxLength: MAX_TEXT },
  ignore: {
    help: "For readers who asked for nothing.",
    needs: [],
    mayBeEmpty: true,
    maxLength: MAX_TEXT,
  },
  signature: { help: "Last line.", needs: [], mayBeEmpty: true, maxLength: MAX_TEXT },
} as const satisfies Readonly<Record<string, TextRule>>;

export type TextKey = keyof typeof TEXT_RULES;
export type MessageTexts = Readonly<Record<TextKey, string>>;

export const TEXT_KEYS = Object.keys(TEXT_RULES) as readonly TextKey[];

export function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(TEXT_RULES, key);
}

/** One language as Countersign brings it along. */
export interface BuiltInLocale {
  /** For `<html lang>`: where the tag alone leaves a reader's program to guess the script. */
  readonly htmlLang: string;
  /** The tag whose dates and durations are written. */
  readonly formatTag: string;
  readonly texts: MessageTexts;
  readonly notice: NoticeTexts;
}
