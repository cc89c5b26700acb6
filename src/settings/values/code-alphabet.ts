/** The symbols that codes are made of. */
import * as v from "valibot";

export const codeAlphabet = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7E]*$/, "has symbols other than printable ASCII without spaces"),
  v.check((text) => new Set(text).size === text.length, "has a symbol twice"),
  v.minLength(2, "has fewer than 2 symbols"),
  v.maxLength(256, "has more than 256 symbols"),
);
