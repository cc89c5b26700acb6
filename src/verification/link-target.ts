/**
 * Where links may lead: the entries of an allow-list, how they are written and what they match.
 *
 * - `app.example.com`: this host, on every port;
 * - `app.example.com:8443`: this host and port;
 * - `*.example.com`: every subdomain, of whatever depth, not the domain itself;
 * - `myapp:`: links that the operating system hands to an app that registered the scheme (RFC 8252 section 7.1).
 *
 * Hosts of another script are kept as A-labels, as WHATWG URL spells them, so two that look alike are two.
 */
import { isHost, isIpv4Address, isLoopback } from "./host-name.ts";

/** A canonical entry, or what is wrong with the text. */
export type LinkTargetResult =
  | { readonly ok: true; readonly target: string }
  | { readonly ok: false; readonly problem: string };

/** RFC 3986 section 3.1. */
const SCHEME_ALONE = /^[a-z][a-z0-9+.-]*:$/i;

/**
 * Schemes that no link of a verification mail has: they run what they carry, read files or memory, hand the URL on to
 * whatever it names, or belong to another program than an app of the operator.
 */
const NEVER_AN_APP: ReadonlySet<string> = new Set(
  (
    "javascript data vbscript file blob about filesystem view-source jar resource livescript mocha mhtml ms-its wyciwyg " +
    "http https ftp ws wss mailto tel sms smsto callto intent content chrome edge urn cid mid ssh telnet ldap smb"
  )
    .split(" ")
    .map((scheme) => `${scheme}:`),
);

/** @param scheme with its colon, as WHATWG URL spells it */
export function mayBeAnApp(scheme: string): boolean {
  return SCHEME_ALONE.test(scheme) && !NEVER_AN_APP.has(scheme.toLowerCase());
}

/** Reads one entry of an allow-list. */
export function parseLinkTarget(text: string): LinkTargetResult {
  if (SCHEME_ALONE.test(text)) {
    return mayBeAnApp(text)
      ? { ok: true, target: text.toLowerCase() }
      : { ok: false, problem: "has a scheme that no app can have of its own" };
  }
  const wildcard = text.startsWith("*.");
  const url = URL.parse(`https://${wildcard ? text.slice(2) : text}`);
  const isHostAlone = url !== null && url.href === `https://${url.host}/` && !/[/?#@\\]/.test(text);
  const host = url?.hostname ?? "";
  if (!isHostAlone || !(isHost(host) || host.startsWith("["))) {
    return { ok: false, problem: "is not a list of host, host:port, *.example.com or myapp:" };
  }
  if (wildcard && (url.host !== host || isIpv4Address(host) || host.startsWith("["))) {
    return { ok: false, problem: "has a wildcard before something other than a host name" };
  }
  // URLs with the default port do not show it, so the entry would match nothing, or without it every port.
  if (/:0*443$/.test(text)) {
    return { ok: false, problem: "has the default port 443: write the host alone" };
  }
  return { ok: true, target: wildcard ? `*.${host}` : url.host };
}

/**
 * Whether a link may lead there. Whatever the list says, http leads to this machine only.
 *
 * @param targets canonical entries; undefined for any https host, and no app
 */
export function isAllowedTarget(url: URL, targets: readonly string[] | undefined): boolean {
  const { protocol, hostname, host } = url;
  if (protocol !== "https:" && protocol !== "http:") {
    return mayBeAnApp(protocol) && targets !== undefined && targets.includes(protocol);
  }
  if (protocol === "http:" && !isLoopback(hostname)) return false;
  if (targets === undefined) return true;
  return targets.some((target) =>
    target.startsWith("*.") ? hostname.endsWith(target.slice(1)) : target === hostname || target === host,
  );
}
