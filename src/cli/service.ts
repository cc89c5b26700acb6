/** Calls of a running service, and what to tell people when one fails. */
import { readFile } from "node:fs/promises";
import { callFailure, type CallFailure, type FieldViolation } from "../client/call-failure.ts";
import {
  createCountersignClient,
  type ClientOptions,
  type CountersignClient,
} from "../client/node-client.ts";
import { loadClientConfig, type ClientConfig } from "../config.ts";
import { failureCatalogue, type FailureDefinition } from "../verification/failures.ts";
import {
  EXIT_FAILED,
  EXIT_NOT_ALLOWED,
  EXIT_NOT_FOUND,
  EXIT_OK,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
} from "./exit-codes.ts";
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
 * @returns the exit code of `run`; 2 for wrong settings; 1, 4, 5 or 6 where a call fails
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
  endWithReader();
  let client: CountersignClient | undefined;
  try {
    const token = await readToken(config);
    // Without keys nothing is repeated that got no answer: who looks at a terminal is told at once.
    client = createCountersignClient({ idempotencyKeys: false, ...options, url: config.url, token });
    return await run({ url: config.url, client });
  } catch (error) {
    const told = error instanceof CommandError ? error : commandError(error, config.url);
    process.stderr.write(`countersign: ${told.message}\n`);
    return told.exitCode;
  } finally {
    client?.close();
  }
}

/** What a call rejected with, in words. */
export function commandError(error: unknown, url: string): CommandError {
  const failure = callFailure(error);
  return new CommandError(explain(failure, url), exitCodeOf(failure));
}

function exitCodeOf({ code, reason, network }: CallFailure): number {
  if (network !== undefined) return EXIT_UNAVAILABLE;
  switch (code) {
    case "not_found":
      // Of the caller, who has no role.
      return reason === "MEMBERSHIP_NOT_FOUND" ? EXIT_NOT_ALLOWED : EXIT_NOT_FOUND;
    case "unauthenticated":
    case "permission_denied":
      return EXIT_NOT_ALLOWED;
    case "unavailable":
    case "resource_exhausted":
    case "deadline_exceeded":
      return EXIT_UNAVAILABLE;
    default:
      // Without a reason it was not Countersign that answered.
      return reason === undefined ? EXIT_UNAVAILABLE : EXIT_FAILED;
  }
}

/** `countersign mail list | head -1` ends once head has its line, as other programs do. */
function endWithReader(): void {
  process.stdout.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT_OK);
    throw error;
  });
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
      EXIT_NOT_ALLOWED,
    );
  }
  const text = content.trim();
  // Anything else would break the header that it is sent in.
  if (/^[\x21-\x7E]+$/.test(text)) return text;
  throw new CommandError(
    `${tokenFile} holds no token: ${text === "" ? "it is empty" : "a token is one line of visible ASCII characters"}`,
    EXIT_NOT_ALLOWED,
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
      return `not allowed: ${withRemedy(failure)}`;
    case "invalid_argument":
      return failure.violations.length === 0
        ? withRemedy(failure)
        : failure.violations.map(violationText).join("; ");
    case "deadline_exceeded":
      return reason === undefined
        ? `no answer from ${url} in time; the call may have been executed`
        : message;
    case "canceled":
      return reason === undefined ? brokenOff(url) : message;
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
        : withRemedy(failure);
  }
}

/** `email.email: value must be a valid email address (missing '@')` */
function violationText({ field, description }: FieldViolation): string {
  return `${field}: ${description.replace(/ \| caused by: (?:mail: )?(.*)$/s, " ($1)")}`;
}

/** In the words of the command line, where those of the catalogue are for programs. */
const REMEDIES: Readonly<Record<string, string>> = {
  ADDRESS_SUPPRESSED:
    "`countersign mail list --to <address>` shows what came back; `mail test --allow-suppressed` sends all the same.",
  DELIVERY_ENDED: "SendEmailCode or ResendEmailCode mails another code.",
  DELIVERY_NOT_FOUND: "`countersign mail list` has the ids.",
  ORGANIZATION_NOT_FOUND: "Check the id after --organization.",
  USER_ALREADY_EXISTS: "Choose another --user-id, or none.",
  USERNAME_TAKEN: "Choose another --username; without one it is the address.",
};

/** ZITADEL's id, which ends many messages, tells more exactly than the reason what can be done. */
function withRemedy({ message, reason = "" }: CallFailure): string {
  const own = REMEDIES[reason];
  if (own !== undefined) return `${message}. ${own}`;
  const known: readonly FailureDefinition[] = Object.values(failureCatalogue);
  const definition =
    known.find(({ id }) => id !== undefined && message.endsWith(`(${id})`)) ??
    known.find((each) => each.reason === reason);
  return definition === undefined ? message : `${message}. ${definition.remedy}`;
}

/** What is left of a call whose connection ended; which one of them is left to chance. */
const BROKEN = /^(?:ERR_HTTP2|ECONNRESET|EPIPE|ERR_STREAM|HPE_)/;

function brokenOff(url: string): string {
  const isTls = url.startsWith("https:");
  return `${url} broke the connection off: is it ${isTls ? "" : "https://, or "}something other than Countersign?`;
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
  return BROKEN.test(code) ? brokenOff(url) : `${url} cannot be called (${code}): ${message}`;
}
