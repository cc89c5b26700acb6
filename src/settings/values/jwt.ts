/** Whose JWTs are believed: what their claims have to say, and where the keys are. */
import { isLoopback } from "../../verification/host-name.ts";
import { Fault, parsed } from "./parsed.ts";

export const claimValue = parsed(parseClaimValue);

/** Separated by commas. */
export const claimValues = parsed(parseClaimValues);

export const jwksUrl = parsed(parseJwksUrl);

/** RFC 7519 section 2, StringOrURI: compared to the letter, so nothing is made canonical here. */
function parseClaimValue(text: string): string | Fault {
  return /^[\x21-\x7E]+$/.test(text) ? text : new Fault("has a space or a character beyond ASCII");
}

function parseClaimValues(text: string): readonly string[] | Fault {
  const values: string[] = [];
  for (const entry of text.split(",")) {
    const value = parseClaimValue(entry.trim());
    if (value instanceof Fault)
      return new Fault("has an entry that is empty, or has a space or a character beyond ASCII");
    values.push(value);
  }
  return values;
}

function parseJwksUrl(text: string): URL | Fault {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text) || /\s/.test(text))
    return new Fault("is not an https:// URL");
  if (url.username !== "" || url.password !== "") return new Fault("has credentials, which are not sent");
  if (url.hash !== "") return new Fault("has a fragment (#), which is not sent");
  if (url.port === "0") return new Fault("has port 0");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return new Fault("is http:// beyond this machine, where others could put in keys of their own");
  }
  return url;
}
