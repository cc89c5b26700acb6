/** What a setting is, and the names it has: a variable, a flag and a property. */
import type { GenericSchema } from "valibot";

const PREFIX = "COUNTERSIGN_";

export interface Setting<T = unknown> {
  /** Without the prefix; the flag is the same in kebab case. */
  readonly name: string;
  /** Text, trimmed and not empty, -> value. Its messages continue a sentence that begins with the value. */
  readonly schema: GenericSchema<string, T>;
  /** Parsed when the setting is not set. */
  readonly fallback?: string;
  /** What stands for the default in prose, where there is no `fallback`. Markdown. */
  readonly unset?: string;
  readonly example: string;
  /** Stands for the value in `--help`. */
  readonly placeholder: string;
  readonly help: string;
  /** The value is, or by mistake could hold, a secret: it is never shown. */
  readonly confidential?: true;
}

/** `COUNTERSIGN_CODE_TTL` */
export function variableOf({ name }: Setting): string {
  return PREFIX + name;
}

/** `--code-ttl` */
export function flagOf({ name }: Setting): string {
  return `--${name.toLowerCase().replaceAll("_", "-")}`;
}

/** `codeTtl`: what the command line calls the value of the flag. */
export function propertyOf({ name }: Setting): string {
  return name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Markdown. */
export function defaultOf({ fallback, unset }: Setting): string {
  return fallback === undefined ? (unset ?? "none") : `\`${fallback}\``;
}

/** The name of the setting that a variable would be, whether there is such a setting or not; undefined for others'. */
export function nameIn(variable: string): string | undefined {
  return variable.startsWith(PREFIX) ? variable.slice(PREFIX.length) : undefined;
}
