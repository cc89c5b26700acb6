/** Calls of a running service, and what to tell people when one fails. */
import { readFile } from "node:fs/promises";
import { callFailure, type CallFailure } from "../client/call-failure.ts";
import {
  createCountersignClient,
  type ClientOptions,
  type CountersignClient,
} from "../client/node-client.ts";
import { loadClientConfig, type ClientConfig } from "../config.ts";
import { EXIT_FAILED, EXIT_USAGE } from "./exit-codes.ts";
import type { ServiceFlags } from "./service-options.ts";

export interface Service {
  /** Where it answers. */
  readonly url: string;
  readonly client: CountersignClient;
}

/** What an operator can change: printed as it is, without a stack. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILED) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Finds the service, runs a command against it, and puts what fails into words, on stderr.
 *
 * @param run @returns the exit code
 * @returns the exit code of `run`; 1 where the service cannot be called or refuses, 2 for wrong settings
 */
export async function withService(
  flags: ServiceFlags,
  run: (service: Service) => Promise<number>,
  options: Omit<ClientOptions, "url" | "token"> = {},
): Promise<number> {
  const { url, tokenFile, dataDir } = flags;
  const loaded = loadClientConfig(process.env, { url, tokenFile, dataDir });
  if (!loaded.ok) {
    process.stderr.write(loaded.problems.map((problem) => `${problem}\n`).join(""));
    return EXIT_USAGE;
  }
  const { config } = loaded;
  let client: CountersignClient | undefined;
  try {
    const token = await readToken(config);
    client = createCountersignClient({ ...options, url: config.url, token });
    return await run({ url: config.url, client });
  } catch (error) {
    const isOurs = error instanceof CommandError;
    const text = isOurs ? error.message : explain(callFailure(error), config.url);
    process.stderr.write(`countersign: ${text}\n`);
    return isOurs ? error.exitCode : EXIT_FAILED;
  } finally {
    client?.close();
  }
}

async function readToken({ token, tokenFile }: ClientConfig): Promise<string> {
  if (token !== undefined) return token.reveal();
  let content: string;
  try {
    content = await readFile(tokenFile, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new CommandError(
      code === "ENOENT"
        ? `no token: there is no ${tokenFile}. Run this in the folder that the service was started in, or name the token with --token-file or its folder with --data-dir`
        : `cannot read the token in ${tokenFile} (${code}): run this as the user that the service runs as, or give another file with --token-file`,
    );
  }
  const text = content.trim();
  // Anything else would break the header that it is sent in.
  if (/^[\x21-\x7E]+$/.test(text)) return text;
  throw new CommandError(
    `${tokenFile} holds no token: ${text === "" ? "it is empty" : "a token is one line of visible ASCII characters"}`,
  );
}

/** One line for people: what went wrong, and what to do. */
export function explain(failure: CallFailure, url: string): string {
  const { code, message, reason, network, requestId } = failure;
  if (network !== undefined) return explainNetwork(network, message, url);
  switch (code) {
    case "unauthenticated":
      return `${url} refuses the token: is it this service's? --token-file names another`;
    case "permission_denied":
      return `not allowed: ${message}`;
    case "invalid_argument":
      return failure.violations.length === 0
        ? message
        : failure.violations.map(({ field, description }) => `${field}: ${description}`).join("; ");
    case "deadline_exceeded":
      return reason === undefined
        ? `no answer from ${url} in time; the call may have been executed`
        : message;
    case "internal":
    case "unknown":
    case "data_loss":
      // Without a reason it was not Countersign that answered.
      return reason === undefined
        ? `${url} does not answer as Countersign does (${message}): is the address right?`
        : `${message}: request ${requestId ?? "unknown"} in the service's log has the cause`;
    case "unavailable":
      return `the service cannot do this now: ${message}`;
    default:
      return reason === undefined && code === "unimplemented"
        ? `${url} does not know this call: is it Countersign, and not older than this command?`
        : message;
  }
}

const UNTRUSTED = /CERT|SIGNATURE|ISSUER|^ERR_TLS/;

function explainNetwork(code: string, message: string, url: string): string {
  const { hostname } = new URL(url);
  const isTls = url.startsWith("https:");
  switch (code) {
    case "ECONNREFUSED":
      return `nothing answers at ${url}: is \`countersign serve\` running?`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host name ${hostname} is not found: is the address ${url} right?`;
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `${url} cannot be reached (${code})`;
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      if (isTls) return `${url} does not speak TLS: is it http://?`;
      break;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate at ${url} is for another name than ${hostname}: give the name in it with --url`;
    case "CERT_HAS_EXPIRED":
      return `the certificate at ${url} has expired`;
  }
  if (isTls && UNTRUSTED.test(code)) {
    return `the certificate at ${url} is not trusted (${code}): NODE_EXTRA_CA_CERTS=<file> names an authority of your own`;
  }
  if (!isTls && /^(?:ERR_HTTP2|ECONNRESET|EPIPE|ERR_STREAM|HPE_)/.test(code)) {
    return `${url} broke the connection off (${code}): is it https://, or something other than Countersign?`;
  }
  return `${url} cannot be called (${code}): ${message}`;
}
