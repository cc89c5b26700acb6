import { setFlagsFromString } from "node:v8";

/**
 * Switches off what of V8 is known to crash this version of Node (docs/decisions/0005). Called first, before anything is
 * warm enough to be compiled.
 */
export function setV8Flags(nodeVersion: string = process.versions.node): void {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  if (major === 24 && minor >= 15) setFlagsFromString("--no-maglev");
}
