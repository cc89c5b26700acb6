import { createRequire } from "node:module";

/** Of the package that runs. */
export function packageVersion(): string {
  // By its own name, for src/ and dist/src/ are not equally far from package.json.
  const manifest = createRequire(import.meta.url)("countersign/package.json") as { version: string };
  return manifest.version;
}
