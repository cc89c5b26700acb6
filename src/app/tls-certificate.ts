import type { TlsFiles } from "../config.ts";
import type { Logger } from "../observability/logger.ts";
import { StartError } from "../observability/start-error.ts";
import { readCertificate, warnOutOfDate, type Certificate } from "../transport/tls.ts";

/** The settings were checked; but files may change while a process starts. @throws StartError naming the file */
export async function loadCertificate(files: TlsFiles, logger: Logger): Promise<Certificate> {
  try {
    const certificate = await readCertificate(files);
    warnOutOfDate(certificate, logger);
    return certificate;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot serve TLS with ${files.certificateFile}: ${problem}`, { cause: error });
  }
}
