/** Where people may go on to once their address is verified. Without a list of hosts, nowhere: no open redirects. */
import { checkLinkTemplate, renderLink } from "../../verification/url-template.ts";

export interface ReturnTarget {
  readonly href: string;
  /** For people: the host, and the port unless it is the scheme's own. */
  readonly host: string;
}

const MAX_LENGTH = 2_000;
const NO_VALUES = { UserID: "", Code: "", OrgID: "" };

/**
 * @param text what the link says; anything
 * @param allowedHosts as in COUNTERSIGN_URL_TEMPLATE_HOSTS: `host`, `host:port`, `*.example.com`
 * @returns undefined for what is no absolute https URL to one of them (http on loopback), or has placeholders
 */
export function returnTarget(text: string, allowedHosts: readonly string[]): ReturnTarget | undefined {
  if (text === "" || text.length > MAX_LENGTH) return undefined;
  const link = checkLinkTemplate(text, { allowedHosts });
  if (!link.ok || link.template.some((node) => typeof node !== "string")) return undefined;
  const { href, host, protocol } = new URL(renderLink(link.template, NO_VALUES));
  // A page that vanishes into an app has no name to say where it leads.
  return protocol === "https:" || protocol === "http:" ? { href, host } : undefined;
}
