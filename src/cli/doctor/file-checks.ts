/** The files that the operator keeps: the key of the database, and the certificate of the port. */
import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Config } from "../../config.ts";
import { fitsKeyring, readKeyFile, storedKeyId } from "../../store/key-file.ts";
import { Keyring } from "../../store/keyring.ts";
import type { DatabaseInspection } from "../../store/sqlite/inspection.ts";
import { checkExpiry, ok, problem, warning, type Check } from "./check.ts";

const OTHERS = 0o077;

export async function checkKey(
  config: Config,
  inspection: Pick<DatabaseInspection, "metadata"> | undefined,
): Promise<Check> {
  const ownFile = join(config.dataDir, "secret.key");
  const source =
    config.secretKeyFile ?? (config.secretKeys === undefined ? ownFile : "COUNTERSIGN_SECRET_KEY");
  const restore = "restore the key from its backup: without it the service does not start";
  const database = {
    getMetadata: (key: string) => Promise.resolve(inspection?.metadata.get(key)),
  };
  try {
    const secrets = config.secretKeys?.map((secret) => secret.reveal()) ?? (await readKeyFile(ownFile));
    if (secrets === undefined) {
      if ((await storedKeyId(database)) !== undefined)
        return problem("key", `${ownFile} is missing`, restore);
      return ok("key", `there is no ${ownFile} yet: the first start makes it`);
    }
    if (!(await fitsKeyring(database, new Keyring(secrets)))) {
      return problem("key", `${source} does not hold the key that the database was written with`, restore);
    }
    const kept = secrets.length === 1 ? "1 key" : `${secrets.length} keys`;
    const fits = inspection === undefined ? "" : ", the database's among them";
    if (source === ownFile && process.platform !== "win32" && ((await stat(ownFile)).mode & OTHERS) !== 0) {
      return warning("key", `others may read ${ownFile}`, `chmod 600 ${ownFile}`);
    }
    return ok("key", `${kept} in ${source}${fits}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isFileFault = typeof code === "string" && code.startsWith("E");
    return problem(
      "key",
      isFileFault ? `${source} cannot be read (${code})` : message,
      isFileFault ? "run this as the user that the service runs as" : restore,
    );
  }
}

/** That certificate and key belong together was seen with the settings. */
export async function checkCertificate({ tls, publicUrl }: Config, nowMs: number): Promise<Check> {
  if (tls === undefined) return ok("tls", "the port is cleartext: TLS ends at a proxy, if anywhere");
  const { certificateFile } = tls;
  const certificate = new X509Certificate(await readFile(certificateFile));
  const renew = "renew it, replace the files, and send the service SIGHUP";
  if (certificate.validFromDate.getTime() > nowMs) {
    const day = certificate.validFromDate.toISOString().slice(0, 10);
    return problem("tls", `${certificateFile} is valid from ${day} on only`, renew);
  }
  const expiry = checkExpiry(
    "tls",
    { subject: certificateFile, validTo: certificate.validToDate, nowMs },
    renew,
  );
  const host = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;
  if (expiry.level !== "ok" || host === undefined) return expiry;
  const address = host.replaceAll(/[[\]]/g, "");
  const isFor = isIP(address) === 0 ? certificate.checkHost(host) : certificate.checkIP(address);
  if (isFor !== undefined) return expiry;
  return warning(
    "tls",
    `${expiry.found}, which is not for ${host}`,
    "clients that come by COUNTERSIGN_PUBLIC_URL will refuse it, unless a proxy is in between",
  );
}
