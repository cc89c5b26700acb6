/** One of a few words. */
import * as v from "valibot";
import { Fault, parsed } from "./parsed.ts";

export function oneOf<const T extends readonly string[]>(options: T): v.GenericSchema<string, T[number]> {
  const isOption = (text: string): text is T[number] => options.includes(text);
  const fault = `is not ${options.slice(0, -1).join(", ")} or ${options.at(-1)}`;
  return parsed((text) => (isOption(text) ? text : new Fault(fault)));
}

/** `on` is true. */
export const onOrOff: v.GenericSchema<string, boolean> = v.pipe(
  oneOf(["on", "off"]),
  v.transform((text) => text === "on"),
);
