/** Texts that are lists. */
import { Fault } from "./parsed.ts";

/**
 * Every entry of a list that is separated by commas, or the first fault, which says where in the list it is.
 *
 * @param noun what an entry is called in the fault
 */
export function parseEntries<T>(
  text: string,
  noun: string,
  parse: (entry: string) => T | Fault,
): T[] | Fault {
  const values: T[] = [];
  const entries = text.split(",");
  for (const [index, entry] of entries.entries()) {
    const value = parse(entry.trim());
    if (!(value instanceof Fault)) values.push(value);
    else if (entries.length === 1) return value;
    else return new Fault(`${value.text} (${noun} ${index + 1} of ${entries.length})`);
  }
  return values;
}
