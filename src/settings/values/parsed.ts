/** A parser as a schema. */
import * as v from "valibot";

/** What is wrong with a text; goes on after the value, and never holds a part of it that could be secret. */
export class Fault {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export function parsed<T>(parse: (text: string) => T | Fault): v.GenericSchema<string, T> {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const result = parse(dataset.value);
      if (!(result instanceof Fault)) return result;
      addIssue({ message: result.text });
      return NEVER;
    }),
  );
}
