/** Counts. */
import type { GenericSchema } from "valibot";
import { Fault, parsed } from "./parsed.ts";

/** Both bounds are allowed. */
export function wholeNumber(min: number, max: number): GenericSchema<string, number> {
  return parsed((text) => {
    const value = Number(text);
    const fits = /^\d+$/.test(text) && value >= min && value <= max;
    return fits ? value : new Fault(`is not a whole number from ${min} to ${max}`);
  });
}
