/** `countersign serve`: configuration -> a running application, until a signal ends it. */
import { styleText } from "node:util";
import { Option, type Command } from "commander";
import type { Application } from "../app.ts";
import { loadConfig, settingFlags, type Config } from "../config.ts";
import { createLogger, type Logger } from "../observability/logger.ts";
import { StartError } from "../observability/start-error.ts";
import type { CommandContext } from "./command-context.ts";
import { setV8Flags } from "./v8-flags.ts";

type Signal = "SIGTERM" | "SIGINT";

/** What a shell reports for a process that a signal ended: 128 and the signal's number. */
const SIGNAL_EXIT_CODES: Readonly<Record<Signal, number>> = { SIGINT: 130, SIGTERM: 143 };

/**
 * Where `sh` is bash, a Ctrl-C reaches a program under `npm start` twice within milliseconds, from the terminal and
 * passed on by npm: that is one wish to stop, not the impatient second one.
 */
const SAME_WISH_MS = 250;

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

export interface ServeContext extends CommandContext {
  readonly version: string;
}

/** Adds `serve` with a flag per setting. */
export function defineServe(program: Command, context: ServeContext): void {
  const command = program
    .command("serve")
    .description("Serve until SIGTERM or SIGINT. Every flag is also a variable; the flag wins.");
  for (const { flag, description } of settingFlags) command.addOption(new Option(flag, description));
  command.action(async (flags: Record<string, string | undefined>) => {
    context.end(await serve(context.version, flags));
  });
}

/**
 * Serves until a signal, or until the application cannot go on.
 *
 * @param flags values of the flags under their names in camel case
 * @returns the exit code: 0 after a graceful stop, 1 after a failure, 2 for a wrong configuration
 */
export async function serve(
  version: string,
  flags: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const loaded = loadConfig(process.env, flags);
  if (!loaded.ok) {
    process.stderr.write(loaded.problems.map((problem) => `${problem}\n`).join(""));
    return EXIT_USAGE;
  }
  const { config, warnings } = loaded;
  // The database holds addresses: what this process creates is for its own user, wherever the directory lies.
  process.umask(0o077);
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat ?? (process.stderr.isTTY ? "pretty" : "json"),
  });
  for (const warning of warnings) logger.warn(warning);

  // Before the start, so that a signal that comes in its midst still leads to an orderly stop.
  const signals = watchSignals();
  try {
    const application = await start(config, logger);
    if (application === undefined) return EXIT_FAILED;
    const unwatchHangup = config.tls === undefined ? undefined : reloadOnHangup(application);
    process.stdout.write(renderBanner(application, version, terminalStyle));
    try {
      return await untilEnd(application, signals.first, logger);
    } finally {
      unwatchHangup?.();
    }
  } finally {
    signals.unwatch();
  }
}

async function start(config: Config, logger: Logger): Promise<Application | undefined> {
  try {
    // Loaded here, so that --help and a wrong configuration answer without waiting for the whole server.
    const { startApplication } = await import("../app.ts");
    setV8Flags();
    return await startApplication(config, logger);
  } catch (error) {
    const reason = startFailure(error, config);
    if (reason === undefined) logger.fatal({ err: error }, "the start failed");
    else
      process.stderr.write(
        reason
          .split(/\s*\n\s*/)
          .map((line) => `countersign: ${line}\n`)
          .join(""),
      );
    return undefined;
  }
}

async function untilEnd(
  application: Application,
  firstSignal: Promise<Signal>,
  logger: Logger,
): Promise<number> {
  const failure = application.failed.then((error) => ({ error }));
  const end = await Promise.race([firstSignal, failure]);
  if (typeof end !== "string") {
    logger.fatal({ err: end.error }, "cannot go on");
    return EXIT_FAILED;
  }
  logger.info({ signal: end }, "stopping");
  try {
    const failedMeanwhile = await Promise.race([application.stop(), failure]);
    if (failedMeanwhile === undefined) return EXIT_OK;
    logger.fatal({ err: failedMeanwhile.error }, "failed while stopping");
  } catch (error) {
    logger.fatal({ err: error }, "failed while stopping");
  }
  return EXIT_FAILED;
}

function watchSignals(): { readonly first: Promise<Signal>; unwatch(): void } {
  const { promise, resolve } = Promise.withResolvers<Signal>();
  let firstAtMs: number | undefined;
  const onSignal = (signal: Signal) => {
    firstAtMs ??= performance.now();
    resolve(signal);
    // The first signal itself comes by here too: no time has passed since.
    if (performance.now() - firstAtMs > SAME_WISH_MS) process.exit(SIGNAL_EXIT_CODES[signal]);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return {
    first: promise,
    unwatch: () => void process.off("SIGTERM", onSignal).off("SIGINT", onSignal),
  };
}

/** SIGHUP is how operators and ACME clients say that there is a new certificate. @returns what ends it */
function reloadOnHangup(application: Application): () => void {
  const reload = () => void application.reloadCertificate();
  process.on("SIGHUP", reload);
  return () => void process.off("SIGHUP", reload);
}

/** One line for what operators can change themselves; undefined for everything else. */
function startFailure(error: unknown, config: Config): string | undefined {
  if (error instanceof StartError) return error.message;
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  const { host, port } = config.listen;
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  if (syscall === "getaddrinfo") return `cannot listen on ${address}: the host name is not found`;
  if (syscall === "listen" || syscall === "bind") {
    switch (code) {
      case "EADDRINUSE":
        return `cannot listen on ${address}: the port is in use; choose another, for example COUNTERSIGN_LISTEN=127.0.0.1:0`;
      case "EADDRNOTAVAIL":
        return `cannot listen on ${address}: no network interface has this address`;
      case "EACCES":
        return `cannot listen on ${address}: not allowed to use this port`;
      default:
        return undefined;
    }
  }
  const isFileFault =
    code !== undefined && ["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR", "EEXIST"].includes(code);
  if (path !== undefined && isFileFault) {
    return `cannot use ${path} (${code}): COUNTERSIGN_DATA_DIR has to be a directory that this user can write to`;
  }
  return undefined;
}

type Style = (format: "bold" | "dim" | "cyan", text: string) => string;

/** Colours only where stdout is a terminal, and as NO_COLOR and FORCE_COLOR say. */
const terminalStyle: Style = (format, text) => styleText(format, text, { stream: process.stdout });

/** What a person sees when the service is up: where it is, where things lie, and what to paste first. */
export function renderBanner(application: Application, version: string, style: Style): string {
  const { url, databasePath, databaseKind, mailDescription, inboxUrl, metricsUrl, adminTokenPath } =
    application;
  const row = (label: string, text: string) => `  ${style("dim", label.padEnd(11))}  ${text}\n`;
  const withRemark = (text: string, styled: string, remark: string) =>
    styled + " ".repeat(Math.max(2, 26 - text.length)) + style("dim", remark);
  const token =
    adminTokenPath === undefined ? "$COUNTERSIGN_ADMIN_TOKEN" : `$(cat ${shellWord(adminTokenPath)})`;
  const isTls = url.startsWith("https:");
  const authorization = `-H "Authorization: Bearer ${token}"`;
  const curl = `curl -s ${url}/v2/users/human ${authorization} -H 'Content-Type: application/json' -d '${newUser("Ada", "Lovelace")}'`;
  const bufCurl =
    `npx @bufbuild/buf curl --protocol grpc ${isTls ? "" : "--http2-prior-knowledge "}${authorization} -d '${newUser("Grace", "Hopper")}' ` +
    `${url}/zitadel.user.v2.UserService/AddHumanUser`;
  return [
    `${style("bold", `Countersign ${version}`)}\n`,
    row("serving", withRemark(url, style("cyan", url), "gRPC, gRPC-Web, Connect, REST")),
    row("database", withRemark(databasePath, databasePath, `${databaseKind}, every answer durable`)),
    row(
      "mail",
      inboxUrl === undefined ? mailDescription : `${mailDescription}, open ${style("cyan", inboxUrl)}`,
    ),
    metricsUrl === undefined ? "" : row("metrics", metricsUrl),
    row("admin token", adminTokenPath ?? "from COUNTERSIGN_ADMIN_TOKEN"),
    row("try", curl),
    row("", bufCurl),
  ].join("");
}

/** JSON of a new user whose code the answer shows. */
function newUser(givenName: string, familyName: string): string {
  const email = `${givenName.toLowerCase()}@example.com`;
  return JSON.stringify({ profile: { givenName, familyName }, email: { email, returnCode: {} } });
}

function shellWord(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
