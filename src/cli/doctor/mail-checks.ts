/** The way out for mails: each relay, or the HTTP provider; and what DNS says of the domain that they come from. */
import type { Config, SmtpServer } from "../../config.ts";
import { reservedDomain } from "../../mail/reserved-domains.ts";
import { lookUpSender, type DnsAnswer, type SenderDomain } from "../../mail/sender-domain.ts";
import { ProbeFault, probeRelay, probeTls, type RelayProbe } from "../../mail/smtp/relay-probe.ts";
import { relayName } from "../../mail/smtp/smtp-relay.ts";
import { isLoopback } from "../../verification/host-name.ts";
import { checkExpiry, ok, problem, warning, type Check } from "./check.ts";

export interface MailLookOptions {
  readonly nowMs: number;
  /** For each relay. */
  readonly relayTimeoutMs: number;
  /** For each question to DNS. */
  readonly dnsTimeoutMs: number;
  readonly dkimSelector?: string | undefined;
  readonly dnsServer?: string | undefined;
}

/** A check for each relay. */
export async function checkRelays(config: Config, options: MailLookOptions): Promise<readonly Check[]> {
  const { smtpServers, mailWebhook } = config;
  if (mailWebhook !== undefined) return [await checkProvider(mailWebhook.url.reveal(), options)];
  if (smtpServers.length === 0) return [ok("relay", "none: mails go to the dev inbox")];
  return Promise.all(smtpServers.map((server) => checkRelay(server, options)));
}

async function checkRelay(server: SmtpServer, { nowMs, relayTimeoutMs }: MailLookOptions): Promise<Check> {
  const { host, port, secure, user } = server;
  const name = relayName({ host, port, secure });
  let probe: RelayProbe;
  try {
    probe = await probeRelay(server, relayTimeoutMs);
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
    return problem(
      "relay",
      `${name}: ${error.message}`,
      "see COUNTERSIGN_SMTP_URL, firewalls, and the relay",
    );
  }
  if (probe.certificate !== undefined) return checkTrust("relay", name, probe.certificate, nowMs);
  if (isLoopback(host.includes(":") ? `[${host}]` : host))
    return ok("relay", `${name} answers, on this machine`);
  if (user === undefined) {
    return warning(
      "relay",
      `${name} answers, without TLS`,
      "mails cross the network in clear: take a relay with STARTTLS",
    );
  }
  return problem(
    "relay",
    `${name} offers no STARTTLS`,
    "credentials are sent over TLS only, so no mail leaves: use smtps://, or another port of the relay",
  );
}

async function checkProvider(url: string, { nowMs, relayTimeoutMs }: MailLookOptions): Promise<Check> {
  const { protocol, hostname, port, host: name } = new URL(url);
  const secure = protocol === "https:";
  const host = hostname.replaceAll(/[[\]]/g, "");
  try {
    const target = { host, port: port === "" ? (secure ? 443 : 80) : Number(port), secure };
    const { certificate } = await probeTls(target, relayTimeoutMs);
    return certificate === undefined
      ? ok("provider", `${name} takes connections`)
      : checkTrust("provider", name, certificate, nowMs);
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
    return problem(
      "provider",
      `${name}: ${error.message}`,
      "see COUNTERSIGN_MAIL_WEBHOOK_URL, and the provider",
    );
  }
}

function checkTrust(
  name: string,
  subject: string,
  { validTo, distrust }: NonNullable<RelayProbe["certificate"]>,
  nowMs: number,
): Check {
  const expiry = checkExpiry(
    name,
    { subject, validTo, nowMs },
    "have the one who runs it renew the certificate",
  );
  if (expiry.level === "problem" || distrust === undefined) return expiry;
  return problem(
    name,
    `${subject}: its certificate is not trusted: ${distrust}`,
    "no mail leaves by it: use the name that it is for, or trust its authority with NODE_EXTRA_CA_CERTS",
  );
}

/** SPF, DKIM and DMARC. */
export async function checkSender(config: Config, options: MailLookOptions): Promise<readonly Check[]> {
  const { mailFrom, smtpServers, mailWebhook } = config;
  const domain = mailFrom.address.slice(mailFrom.address.lastIndexOf("@") + 1).toLowerCase();
  if (smtpServers.length === 0 && mailWebhook === undefined) {
    return [ok("sender", "mails stay here: DNS was not asked about their sender")];
  }
  if (reservedDomain(mailFrom.address) !== undefined || !domain.includes(".") || domain.startsWith("[")) {
    const advice = "set COUNTERSIGN_MAIL_FROM to an address in a domain of yours";
    return [warning("sender", `mails come from ${domain}, which is nobody's domain`, advice)];
  }
  const { dkimSelector, dnsServer: server, dnsTimeoutMs: timeoutMs } = options;
  let found: SenderDomain;
  try {
    found = await lookUpSender({ domain, dkimSelector, server, timeoutMs });
  } catch (error) {
    return [warning("sender", `DNS cannot be asked: ${(error as Error).message}`, "see --dns-server")];
  }
  return [spf(domain, found.spf), dkim(found.dkim, dkimSelector), dmarc(domain, found.dmarc)];
}

function spf(domain: string, answer: DnsAnswer): Check {
  const publish = `publish a TXT record at ${domain} that lists your relay, such as "v=spf1 include:_spf.relay.example -all"`;
  switch (answer.kind) {
    case "no answer":
      return unanswered("spf", domain);
    case "no such name":
      return problem(
        "spf",
        `there is no domain ${domain}`,
        "see COUNTERSIGN_MAIL_FROM: no reader's server will take such mail",
      );
    case "none":
      return warning("spf", `${domain} has no SPF record`, publish);
    case "found": {
      const [record = "", ...others] = answer.records;
      if (others.length > 0) {
        return problem(
          "spf",
          `${domain} has ${answer.records.length} SPF records`,
          "leave one: several count as none (RFC 7208)",
        );
      }
      if (/(?:^|\s)\+?all(?:\s|$)/i.test(record)) {
        return warning(
          "spf",
          `${domain} lets everybody send: ${shown(record)}`,
          "end the record with -all or ~all",
        );
      }
      return ok("spf", `${domain}: ${shown(record)}`);
    }
  }
}

function dkim(answer: SenderDomain["dkim"], selector: string | undefined): Check {
  const { name } = answer;
  if (answer.kind === "no answer") return unanswered("dkim", name);
  if (selector === undefined) {
    return answer.kind === "no such name"
      ? warning("dkim", `there are no keys below ${name}`, "have the relay sign mails, and publish its key")
      : ok("dkim", `there may be keys below ${name}; --dkim-selector looks at one`);
  }
  if (answer.kind !== "found" || !answer.records.some((record) => /(?:^|;)\s*p=/i.test(record))) {
    return problem("dkim", `there is no key at ${name}`, "publish the key that the relay signs with");
  }
  return answer.records.some((record) => /(?:^|;)\s*p=[^;\s]/i.test(record))
    ? ok("dkim", `there is a key at ${name}`)
    : problem("dkim", `the key at ${name} was revoked`, "have the relay sign with another key");
}

function dmarc(domain: string, answer: DnsAnswer): Check {
  if (answer.kind === "no answer") return unanswered("dmarc", `_dmarc.${domain}`);
  if (answer.kind !== "found") {
    return warning(
      "dmarc",
      `${domain} has no DMARC record`,
      `publish a TXT record at _dmarc.${domain}, such as "v=DMARC1; p=quarantine": large mail services ask for one`,
    );
  }
  const [record = "", ...others] = answer.records;
  if (others.length > 0) {
    return problem(
      "dmarc",
      `${domain} has ${answer.records.length} DMARC records`,
      "leave one: several count as none (RFC 7489)",
    );
  }
  return ok("dmarc", `${domain}: ${shown(record)}`);
}

function unanswered(name: string, question: string): Check {
  return warning(
    name,
    `no answer from DNS about ${question}`,
    "ask again, or another server with --dns-server",
  );
}

const MAX_SHOWN_CHARACTERS = 100;

function shown(record: string): string {
  return record.length > MAX_SHOWN_CHARACTERS ? `${record.slice(0, MAX_SHOWN_CHARACTERS)}...` : record;
}
