/** The Go name of a proto field, which protoc-gen-validate's messages show: `url_template` -> `UrlTemplate`. */
export function pascalCase(protoName: string): string {
  return protoName
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}
