/** Writes one JSON object to stdout, on several lines. */
export function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
