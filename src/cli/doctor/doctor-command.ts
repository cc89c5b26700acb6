/** What `countersign doctor` does: looks at one thing after the other, and at those over the network all at once. */
import { loadClientConfig, loadConfig, type Config } from "../../config.ts";
import { EXIT_FAILED, EXIT_OK } from "../exit-codes.ts";
import { writeJson } from "../write-json.ts";
import { ok, type Check } from "./check.ts";
import { checkDisk, lookAtDatabase } from "./database-checks.ts";
import { checkCertificate, checkKey } from "./file-checks.ts";
import { checkRelays, checkSender, type MailLookOptions } from "./mail-checks.ts";
import { renderChecks } from "./report.ts";
import { checkService } from "./service-check.ts";
import { checkSettings } from "./settings-check.ts";

/** The settings' flags under their names in camel case, and those of the command alone. */
export interface DoctorFlags extends Record<string, string | boolean | undefined> {
  readonly dkimSelector?: string;
  readonly dnsServer?: string;
  /** Answer with JSON on stdout. */
  readonly json?: boolean;
}

const DATABASE_TIMEOUT_MS = 5_000;
const SERVICE_TIMEOUT_MS = 3_000;
const RELAY_TIMEOUT_MS = 10_000;
const DNS_TIMEOUT_MS = 2_000;

/** @returns the exit code: 0, or 1 where there is a problem */
export async function doctorCommand({
  json,
  dkimSelector,
  dnsServer,
  ...flags
}: DoctorFlags): Promise<number> {
  // SQLite makes files beside a database that it opens.
  process.umask(0o077);
  const settings = flags as Readonly<Record<string, string | undefined>>;
  const loaded = loadConfig(process.env, settings);
  const checks = [...(await checkSettings(loaded))];
  if (loaded.ok) checks.push(...(await checkAll(loaded.config, settings, { dkimSelector, dnsServer })));
  const isWell = checks.every(({ level }) => level !== "problem");
  if (json === true) writeJson({ ok: isWell, checks });
  else process.stdout.write(renderChecks(checks));
  return isWell ? EXIT_OK : EXIT_FAILED;
}

async function checkAll(
  config: Config,
  settings: Readonly<Record<string, string | undefined>>,
  dns: Pick<MailLookOptions, "dkimSelector" | "dnsServer">,
): Promise<readonly Check[]> {
  const nowMs = Date.now();
  const mail = { nowMs, relayTimeoutMs: RELAY_TIMEOUT_MS, dnsTimeoutMs: DNS_TIMEOUT_MS, ...dns };
  const overNetwork = Promise.all([
    serviceCheck(settings),
    checkRelays(config, mail),
    checkSender(config, mail),
  ]);
  // Where something before it throws, nobody waits for it.
  overNetwork.catch(() => {});
  const { checks: database, inspection } = await lookAtDatabase(config, nowMs, DATABASE_TIMEOUT_MS);
  const disk = await checkDisk(config, inspection?.bytes ?? 0);
  const key = await checkKey(config, inspection);
  const certificate = await checkCertificate(config, nowMs);
  const [service, relays, sender] = await overNetwork;
  return [service, ...database, disk, key, certificate, ...relays, ...sender];
}

function serviceCheck(settings: Readonly<Record<string, string | undefined>>): Check | Promise<Check> {
  const client = loadClientConfig(process.env, settings);
  return client.ok
    ? checkService(client.config.url, SERVICE_TIMEOUT_MS)
    : ok("service", "not looked for: with port 0 nobody can tell where it is, but for its banner");
}
