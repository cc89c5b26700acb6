import { setFlagsFromString } from "node:v8";

/**
 * Switches off what of V8 is known to crash this version of Node (docs/decisions/0005). Called once the modules are loaded
 * and before they do anything: nothing is warm yet, and from then on V8 refuses what Node brings along of its own modules
 * as compiled code, because that was made with other flags. Loading them after the call costs a start a tenth more.
 */
export function setV8Flags(nodeVersion: string = process.versions.node): void {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  if (major === 24 && minor >= 15) setFlagsFromString("--no-maglev");
}
