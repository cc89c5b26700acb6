/** Languages: tags of BCP 47. */
import { Fault, parsed } from "./parsed.ts";

/** In its canonical spelling. */
export const languageTag = parsed(parseLanguageTag);

function parseLanguageTag(text: string): string | Fault {
  try {
    return new Intl.Locale(text).toString();
  } catch {
    return new Fault("is not a language tag, such as de or pt-BR");
  }
}
