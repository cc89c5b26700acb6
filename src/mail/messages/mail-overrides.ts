/** What operators put in the place of Countersign's own texts and templates, as plain data that can go to a thread. */
import type { MessageTexts } from "./text-keys.ts";

/** One folder's worth. The keys are language tags in their canonical spelling. */
export interface OverrideLayer {
  readonly texts: ReadonlyMap<string, Partial<MessageTexts>>;
  /** Sources of the HTML part; under "" the one for every language that has none of its own. */
  readonly html: ReadonlyMap<string, string>;
  /** Sources of the text part, likewise. */
  readonly text: ReadonlyMap<string, string>;
}

export interface MailOverrides extends OverrideLayer {
  /** What differs for single organizations, by their ids. */
  readonly organizations: ReadonlyMap<string, OverrideLayer>;
}

export const NO_OVERRIDES: MailOverrides = {
  texts: new Map(),
  html: new Map(),
  text: new Map(),
  organizations: new Map(),
};
