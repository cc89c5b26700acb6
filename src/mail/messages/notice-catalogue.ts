/**
 * The notice to an old address in every language that Countersign brings along, compiled. Operators put nothing in its
 * place: where they added a language, its readers get the notice in the default one, or in English.
 */
import { NOTICE_HTML_TEMPLATE, NOTICE_TEXT_TEMPLATE } from "../templates/notice.ts";
import { BUILT_IN_LOCALES } from "./built-in-locales.ts";
import { LanguageChoice } from "./language-choice.ts";
import { compileTemplate, type Render } from "./logic-less-template.ts";
import { NOTICE_KEYS, type NoticeKey } from "./notice-texts.ts";
import type { BuiltInLocale } from "./text-keys.ts";
import { TimeWords } from "./time-words.ts";

/** The notice in one language, ready to be filled in. */
export interface NoticeMessage {
  /** The tag that was chosen. */
  readonly locale: string;
  readonly htmlLang: string;
  readonly timeWords: TimeWords;
  readonly greeting: string;
  readonly texts: Readonly<Record<NoticeKey, Render>>;
}

export interface NoticeTemplates {
  readonly html: Render;
  readonly text: Render;
}

const LAST_RESORT = "en";

export class NoticeCatalogue {
  readonly templates: NoticeTemplates = {
    html: compileTemplate(NOTICE_HTML_TEMPLATE, "html"),
    text: compileTemplate(NOTICE_TEXT_TEMPLATE, "text"),
  };
  readonly #choice = new LanguageChoice(BUILT_IN_LOCALES.keys());
  readonly #messages: ReadonlyMap<string, NoticeMessage> = new Map(
    Array.from(BUILT_IN_LOCALES, ([tag, locale]) => [tag, compileNotice(tag, locale)]),
  );
  readonly #defaultLanguage: string;

  constructor(defaultLanguage: string) {
    this.#defaultLanguage = defaultLanguage;
  }

  /** @param ranges language tags, most wanted first; the default language comes after them */
  message(ranges: readonly string[]): NoticeMessage {
    const tag = this.#choice.lookUp([...ranges, this.#defaultLanguage, LAST_RESORT]) ?? LAST_RESORT;
    const message = this.#messages.get(tag);
    if (message === undefined) throw new RangeError(`no notice in ${tag}`);
    return message;
  }
}

function compileNotice(tag: string, { htmlLang, formatTag, texts, notice }: BuiltInLocale): NoticeMessage {
  const compiled = NOTICE_KEYS.map((key) => [key, compileTemplate(notice[key], "text")] as const);
  return {
    locale: tag,
    htmlLang,
    timeWords: new TimeWords(formatTag),
    greeting: texts.greetingWithoutName,
    texts: Object.fromEntries(compiled) as Record<NoticeKey, Render>,
  };
}
