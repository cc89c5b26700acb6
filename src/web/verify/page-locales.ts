/** The languages that the page is in: those of the mails that lead to it. */
import { de } from "./locales/de.ts";
import { en } from "./locales/en.ts";
import { es } from "./locales/es.ts";
import { fr } from "./locales/fr.ts";
import { it } from "./locales/it.ts";
import { ja } from "./locales/ja.ts";
import { nl } from "./locales/nl.ts";
import { pl } from "./locales/pl.ts";
import { pt } from "./locales/pt.ts";
import { zh } from "./locales/zh.ts";
import type { PageLocale } from "./page-texts.ts";

/** By language tag. */
export const PAGE_LOCALES: ReadonlyMap<string, PageLocale> = new Map(
  Object.entries({ en, de, fr, es, it, pt, nl, pl, ja, zh }),
);

/** @param tag anything; what there is no page in becomes English */
export function pageLocale(tag: string): PageLocale {
  return PAGE_LOCALES.get(tag) ?? en;
}
