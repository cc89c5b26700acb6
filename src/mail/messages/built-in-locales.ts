/** The languages that Countersign brings along. */
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
import type { BuiltInLocale } from "./text-keys.ts";

/** By language tag. */
export const BUILT_IN_LOCALES: ReadonlyMap<string, BuiltInLocale> = new Map(
  Object.entries({ en, de, fr, es, it, pt, nl, pl, ja, zh }),
);
