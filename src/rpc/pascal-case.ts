/** The Go name of a proto field, which protoc-gen-validate's messages show: `url_template` -> `UrlTemplate`. */
export function pascalCase(protoName: string): string {
  return protoName.replaceAll(
    /(^|_|\d)([a-z])/g,
    (_, before: string, letter: string) => before.replace("_", "") + letter.toUpperCase(),
  );
}
