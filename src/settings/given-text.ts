/** Where the text of a setting stands: in its flag, else in its variable. A blank text counts as not set. */
import { propertyOf, variableOf, type Setting } from "./setting.ts";

export type Texts = Readonly<Record<string, string | undefined>>;

export interface Sources {
  /** The variables of the process. */
  readonly env: Texts;
  /** Values of flags under their names in camel case (`codeTtl`). */
  readonly flags: Texts;
}

export interface Given {
  /** Trimmed, not empty. */
  readonly text: string;
  readonly from: "flag" | "variable";
}

/** Undefined: not set. */
export function givenText(setting: Setting, { env, flags }: Sources): Given | undefined {
  const flag = flags[propertyOf(setting)]?.trim() ?? "";
  if (flag !== "") return { text: flag, from: "flag" };
  const variable = env[variableOf(setting)]?.trim() ?? "";
  return variable === "" ? undefined : { text: variable, from: "variable" };
}
