/** The nth code that a scenario draws is `CODE<n>`. */
import { createHash } from "node:crypto";
import type { CodeMac } from "../../../src/verification/code.ts";
import type { NewCode } from "../../../src/verification/environment.ts";

/** What a keyed MAC is for this purpose: a function of key and code. */
export function mac(code: string, keyId = "key2"): CodeMac {
  return { keyId, mac: createHash("sha256").update(`${keyId}/${code}`).digest("base64") };
}

export function newCode(n: number): NewCode {
  const delivery = { deliveryId: `delivery${n}`, sealedCode: `sealed${n}`, acceptLanguage: "" };
  return { codeId: `code${n}`, mac: mac(`CODE${n}`), delivery };
}
