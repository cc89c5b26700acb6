/**
 * What DNS says of the domain that mails come from: who may send for it (SPF, RFC 7208), what to do with mail that fails
 * (DMARC, RFC 7489), and whether there can be keys that sign it (DKIM, RFC 6376).
 *
 * DKIM keys stand under names that only the signer knows. Without one, all that can be told is whether there is any name
 * below `_domainkey` (RFC 8020: NXDOMAIN says that there is nothing below either).
 */
import { Resolver } from "node:dns/promises";

export type DnsAnswer =
  | { readonly kind: "found"; readonly records: readonly string[] }
  /** The name is there, without what was asked for; or there are only names below it. */
  | { readonly kind: "none" }
  | { readonly kind: "no such name" }
  | { readonly kind: "no answer" };

export interface SenderDomain {
  readonly spf: DnsAnswer;
  /** Of the domain, or else of the nearest one above it that has any. */
  readonly dmarc: DnsAnswer;
  /** Name that was asked for, and what came. */
  readonly dkim: DnsAnswer & { readonly name: string };
}

export interface LookUpOptions {
  readonly domain: string;
  /** Name of a DKIM key, as in `s=` of a signature. */
  readonly dkimSelector?: string | undefined;
  /** `address` or `address:port` of the DNS server. Default: the system's. */
  readonly server?: string | undefined;
  /** For each question, and it is asked twice. */
  readonly timeoutMs: number;
}

/** @throws Error with code ERR_INVALID_IP_ADDRESS for a server that is none */
export async function lookUpSender({
  domain,
  dkimSelector,
  server,
  timeoutMs,
}: LookUpOptions): Promise<SenderDomain> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (server !== undefined) resolver.setServers([server]);
  const ask = (name: string) => texts(resolver, name);
  const dkimName =
    dkimSelector === undefined ? `_domainkey.${domain}` : `${dkimSelector}._domainkey.${domain}`;
  const [spf, dmarc, dkim] = await Promise.all([
    ask(domain).then((answer) => only(answer, /^v=spf1(?: |$)/i)),
    findDmarc(ask, domain),
    ask(dkimName),
  ]);
  return { spf, dmarc, dkim: { ...dkim, name: dkimName } };
}

async function findDmarc(ask: (name: string) => Promise<DnsAnswer>, domain: string): Promise<DnsAnswer> {
  const labels = domain.split(".");
  let answer: DnsAnswer = { kind: "none" };
  // A top-level domain has none for others.
  for (let first = 0; first < Math.max(labels.length - 1, 1); first++) {
    answer = only(await ask(`_dmarc.${labels.slice(first).join(".")}`), /^v=DMARC1\s*(?:;|$)/);
    if (answer.kind === "found" || answer.kind === "no answer") return answer;
  }
  return answer;
}

function only(answer: DnsAnswer, pattern: RegExp): DnsAnswer {
  if (answer.kind !== "found") return answer;
  const records = answer.records.filter((record) => pattern.test(record));
  return records.length === 0 ? { kind: "none" } : { kind: "found", records };
}

async function texts(resolver: Resolver, name: string): Promise<DnsAnswer> {
  try {
    const records = (await resolver.resolveTxt(name)).map((strings) => strings.join(""));
    return { kind: "found", records };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENODATA") return { kind: "none" };
    return { kind: code === "ENOTFOUND" ? "no such name" : "no answer" };
  }
}
