/**
 * Which of the languages at hand a reader gets: lookup by RFC 4647 section 3.4, over what the user prefers, then what the
 * request's Accept-Language lists, then the default. What cannot be read is passed over; nothing here throws.
 */

/** What a request may make us read; browsers send well under 100 characters. */
const MAX_HEADER_LENGTH = 1_000;
const MAX_RANGES = 20;
const MAX_TAG_LENGTH = 35; // RFC 5646 section 4.4.1

const LANGUAGE_RANGE = /^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$/i;
// RFC 9110 section 12.4.2: at most three decimals.
const ENTRY = /^[ \t]*([a-z0-9*-]+)[ \t]*(?:;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?[ \t]*$/i;

/**
 * The ranges of an Accept-Language header (RFC 9110 section 12.5.4), most wanted first. `*` says nothing about which
 * language to take, and is left out like what is refused with q=0.
 *
 * @param header of any length and content; entries beyond the first 20 or the first 1,000 characters are not read
 */
export function parseAcceptLanguage(header: string): readonly string[] {
  const entries = header.slice(0, MAX_HEADER_LENGTH).split(",", MAX_RANGES + 1);
  // The last one may have been cut in its midst.
  if (header.length > MAX_HEADER_LENGTH || entries.length > MAX_RANGES) entries.pop();
  return entries
    .map((entry) => ENTRY.exec(entry))
    .filter((match) => match !== null)
    .map(([, range = "", quality = "1"]) => ({ range, quality: Number(quality) }))
    .filter(({ range, quality }) => quality > 0 && isLanguageRange(range))
    .toSorted((a, b) => b.quality - a.quality)
    .map(({ range }) => range);
}

/** The languages that can be had. */
export class LanguageChoice {
  readonly #byLowerCase: ReadonlyMap<string, string>;

  /** @param tags language tags of BCP 47 */
  constructor(tags: Iterable<string>) {
    this.#byLowerCase = new Map(Array.from(tags, (tag) => [tag.toLowerCase(), tag]));
  }

  /** @returns the tag for the first range that has one: itself or, subtag by subtag, what it is a special case of */
  lookUp(ranges: Iterable<string>): string | undefined {
    for (const range of ranges) {
      for (const candidate of truncations(range)) {
        const tag = this.#byLowerCase.get(candidate);
        if (tag !== undefined) return tag;
      }
    }
    return undefined;
  }
}

/**
 * `zh-hant-tw`, `zh-hant`, `zh`: a tag in lower case and, one by one, the more general ones. Nothing for what is no tag.
 * `de_AT`, as POSIX spells it, is read as a tag too.
 */
export function truncations(range: string): readonly string[] {
  const tag = range.trim().replaceAll("_", "-").toLowerCase();
  if (!isLanguageRange(tag)) return [];
  const subtags = tag.split("-");
  const shorter: string[] = [];
  while (subtags.length > 0) {
    // A single letter or digit only announces the subtags after it.
    if (subtags.length === 1 || (subtags.at(-1) ?? "").length > 1) shorter.push(subtags.join("-"));
    subtags.pop();
  }
  return shorter;
}

function isLanguageRange(text: string): boolean {
  return text.length <= MAX_TAG_LENGTH && LANGUAGE_RANGE.test(text);
}
