/**
 * All messages, compiled: Countersign's own with the operator's in their place.
 *
 * For an organization's mail in `pt-BR`, each text is the last one found in: Countersign's `pt`; the folder's `pt`, then
 * `pt-BR`; the organization's `pt`, then `pt-BR`. A template is the first one found, looking the other way round, where
 * each folder's template for every language comes after those for this one.
 */
import { HTML_TEMPLATE, TEXT_TEMPLATE } from "../templates/verification.ts";
import { BUILT_IN_LOCALES } from "./built-in-locales.ts";
import { LanguageChoice, truncations } from "./language-choice.ts";
import { compileTemplate, type Render } from "./logic-less-template.ts";
import type { MailOverrides, OverrideLayer } from "./mail-overrides.ts";
import { TEXT_KEYS, type MessageTexts, type TextKey } from "./text-keys.ts";
import { TimeWords } from "./time-words.ts";

/** The mail in one language, ready to be filled in. */
export interface Message {
  /** The tag that was chosen. */
  readonly locale: string;
  readonly htmlLang: string;
  readonly direction: "ltr" | "rtl";
  readonly timeWords: TimeWords;
  readonly texts: Readonly<Record<TextKey, Render>>;
  readonly html: Render;
  readonly text: Render;
}

interface MessageSet {
  readonly choice: LanguageChoice;
  readonly messages: ReadonlyMap<string, Message>;
}

/** Scripts of living languages that are written from right to left. */
const RIGHT_TO_LEFT_SCRIPTS = new Set(["Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg"]);

export class MessageCatalogue {
  readonly #general: MessageSet;
  readonly #organizations: ReadonlyMap<string, MessageSet>;
  readonly #defaultLanguage: string;

  /**
   * @param overrides as the loader checked them
   * @throws RangeError when there is no message in the default language, or no complete one in another
   */
  constructor(overrides: MailOverrides, defaultLanguage: string) {
    const compilers = new Compilers();
    this.#defaultLanguage = defaultLanguage;
    this.#general = compileSet([overrides], compilers);
    this.#organizations = new Map(
      Array.from(overrides.organizations, ([id, layer]) => [id, compileSet([overrides, layer], compilers)]),
    );
    this.message("", []);
  }

  /** @param ranges language tags, most wanted first; the default language comes after them */
  message(organizationId: string, ranges: readonly string[]): Message {
    const { choice, messages } = this.#organizations.get(organizationId) ?? this.#general;
    const tag = choice.lookUp([...ranges, this.#defaultLanguage]) ?? "";
    const message = messages.get(tag);
    if (message === undefined) {
      throw new RangeError(
        `no mail texts in ${this.#defaultLanguage}: there are ${[...messages.keys()].join(", ")}`,
      );
    }
    return message;
  }
}

/** The languages in which a mail can be written, with what the layers add to Countersign's own. */
export function languagesOf(layers: readonly OverrideLayer[]): readonly string[] {
  return [...new Set([...BUILT_IN_LOCALES.keys(), ...layers.flatMap(({ texts }) => [...texts.keys()])])];
}

/** @returns the texts of a language, some missing where neither Countersign nor the layers have them */
export function mergeTexts(locale: string, layers: readonly OverrideLayer[]): Partial<MessageTexts> {
  const generalFirst = truncations(locale).toReversed();
  const merged = { ...builtInFor(locale)?.texts };
  for (const { texts } of layers) {
    for (const [tag, own] of inOrderOf(generalFirst, texts)) if (tag !== "") Object.assign(merged, own);
  }
  return merged;
}

function compileSet(layers: readonly OverrideLayer[], compilers: Compilers): MessageSet {
  const tags = languagesOf(layers);
  return {
    choice: new LanguageChoice(tags),
    messages: new Map(tags.map((tag) => [tag, compileMessage(tag, layers, compilers)])),
  };
}

function compileMessage(locale: string, layers: readonly OverrideLayer[], compilers: Compilers): Message {
  const builtIn = builtInFor(locale);
  const isBuiltIn = BUILT_IN_LOCALES.has(locale);
  const formatTag = isBuiltIn && builtIn !== undefined ? builtIn.formatTag : locale;
  const sources = mergeTexts(locale, layers);
  const texts = TEXT_KEYS.map((key) => {
    const source = sources[key];
    if (source === undefined) throw new RangeError(`the mail texts in ${locale} lack "${key}"`);
    return [key, compilers.text(source)] as const;
  });
  return {
    locale,
    htmlLang: isBuiltIn && builtIn !== undefined ? builtIn.htmlLang : locale,
    direction: RIGHT_TO_LEFT_SCRIPTS.has(new Intl.Locale(locale).maximize().script ?? "") ? "rtl" : "ltr",
    timeWords: compilers.timeWords(formatTag),
    texts: Object.fromEntries(texts) as Record<TextKey, Render>,
    html: compilers.html(templateFor(locale, layers, "html") ?? HTML_TEMPLATE),
    text: compilers.text(templateFor(locale, layers, "text") ?? TEXT_TEMPLATE),
  };
}

function builtInFor(locale: string) {
  const tag = truncations(locale).find((candidate) => BUILT_IN_LOCALES.has(candidate));
  return tag === undefined ? undefined : BUILT_IN_LOCALES.get(tag);
}

function templateFor(
  locale: string,
  layers: readonly OverrideLayer[],
  part: "html" | "text",
): string | undefined {
  const specialFirst = [...truncations(locale), ""];
  for (const layer of layers.toReversed()) {
    const [found] = inOrderOf(specialFirst, layer[part]);
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** The entries whose tags are among those given, in lower case and in their order. */
function inOrderOf<T>(tags: readonly string[], entries: ReadonlyMap<string, T>): readonly [string, T][] {
  const byLowerCase = new Map(Array.from(entries, ([tag, value]) => [tag.toLowerCase(), value]));
  return tags.flatMap((tag) => {
    const value = byLowerCase.get(tag);
    return value === undefined ? [] : [[tag, value] as [string, T]];
  });
}

/** Compiles each source once, however many organizations and languages share it. */
class Compilers {
  readonly #html = new Map<string, Render>();
  readonly #text = new Map<string, Render>();
  readonly #timeWords = new Map<string, TimeWords>();

  html(source: string): Render {
    return once(this.#html, source, () => compileTemplate(source, "html"));
  }

  text(source: string): Render {
    return once(this.#text, source, () => compileTemplate(source, "text"));
  }

  timeWords(tag: string): TimeWords {
    return once(this.#timeWords, tag, () => new TimeWords(tag));
  }
}

function once<T>(made: Map<string, T>, key: string, make: () => T): T {
  const value = made.get(key) ?? make();
  made.set(key, value);
  return value;
}
