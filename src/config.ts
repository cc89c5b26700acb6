/**
 * Environment and flags -> one typed, validated, frozen Config.
 *
 * SETTINGS below is the only list of settings: parsing, the flags of `serve`, error lines and the table in README.md
 * come from it. CLIENT_SETTINGS has what only the commands read that call a running service. Nothing else reads the
 * environment.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join, normalize } from "node:path";
import * as v from "valibot";
import type { LogFormat, LogLevel } from "./observability/logger.ts";
import { Secret } from "./observability/secret.ts";
import { UNAMBIGUOUS_ALPHABET } from "./verification/code.ts";
import { mailboxLimitProblem, parseMailbox } from "./verification/email-address.ts";
import { isLoopback } from "./verification/url-template.ts";

/** What `serve` runs with. Deeply frozen. Undefined means: not set, and app.ts decides. */
export interface Config {
  /** Where to listen. Default: 127.0.0.1:8080; port 0 takes any free port. */
  readonly listen: ListenAddress;
  /** Origin of default links, without a trailing slash. Undefined: derived from the bound address. */
  readonly publicUrl: string | undefined;
  /** Directory of the generated key, the admin token and by default the database. Default: data. */
  readonly dataDir: string;
  /** SQLite database file. Default: countersign.db in the data directory. Not used where `postgres` is set. */
  readonly databasePath: string;
  /** The PostgreSQL database to serve from. Undefined: SQLite. */
  readonly postgres: PostgresConfig | undefined;
  /** Token of the admin service account, 32 characters or more. Undefined: made at the first start. */
  readonly adminToken: Secret | undefined;
  /** Keys of 32 bytes, newest first, at least one. Undefined: made at the first start. */
  readonly secretKeys: readonly Secret<Uint8Array>[] | undefined;
  /** The file that `secretKeys` were read from, where they were read from one. */
  readonly secretKeyFile: string | undefined;
  /** SMTP servers in the order in which they are tried. Default: none. */
  readonly smtpServers: readonly SmtpServer[];
  /** Where mails are posted instead of sent. Default: nowhere. */
  readonly mailWebhook: MailWebhook | undefined;
  /** Whether mail goes to the dev inbox. Undefined: on while the listener is loopback and no SMTP or webhook is set. */
  readonly devInbox: boolean | undefined;
  /** Default: Countersign <no-reply@localhost>. */
  readonly mailFrom: Sender;
  /** The language of mails to readers who ask for none that there is: a tag of BCP 47. Default: en. */
  readonly defaultLanguage: string;
  /** Folder of the operator's mail texts and templates. Undefined: none. */
  readonly mailTemplates: string | undefined;
  /** Whether mails have a link beside the code. Default: true. */
  readonly mailLink: boolean;
  /** Symbols per code, 4 to 20. Default: 6. Length and alphabet together give 19 bits of entropy or more (six digits have 19.9). */
  readonly codeLength: number;
  /** 2 or more distinct printable ASCII symbols. Default: UNAMBIGUOUS_ALPHABET. */
  readonly codeAlphabet: string;
  /** How long a code can be used, in milliseconds: 1 minute to 7 days. Default: 1 hour. */
  readonly codeTtlMs: number;
  /** Wrong tries per code and client, 1 to 1000; ten times that per code by all clients together. Default: 5. */
  readonly codeMaxAttempts: number;
  /** How many of the newest codes work, 1 to 5; they share one budget of tries. Default: 1. */
  readonly liveCodes: number;
  /** Wrong tries per address and day, up to 100,000; 0 for no such limit. Default: 100. */
  readonly maxFailuresPerDay: number;
  /** From one code for an address to the next, in milliseconds, up to 1 day; 0 for no such limit. Default: 0. */
  readonly sendCooldownMs: number;
  /** Codes for an address within an hour, up to 100,000; 0 for no such limit. Default: 0. */
  readonly sendsPerHour: number;
  /** The same for a user, whatever the address. Default: 0. */
  readonly userSendsPerHour: number;
  /** Codes at the wish of one caller within an hour, up to 10,000,000; 0 for no such limit. Default: 0. */
  readonly principalSendsPerHour: number;
  /** Codes asked for from one IP address (of IPv6 one /64) within an hour, likewise. Default: 0. */
  readonly clientSendsPerHour: number;
  /** Whether calls over the limits on sending are refused, or only counted and logged. Default: enforce. */
  readonly limits: "enforce" | "dry-run";
  /** Proxies whose word on who their client is counts: IP addresses and networks (`10.0.0.0/8`). Default: none. */
  readonly trustedProxies: readonly string[];
  /**
   * Hosts that links of callers may lead to: `host`, `host:port` or `*.example.com`, spelled as WHATWG URL does.
   * Undefined: any https host, and http on loopback.
   */
  readonly urlTemplateHosts: readonly string[] | undefined;
  /** The files of the certificate to serve TLS with. Undefined: cleartext. */
  readonly tls: TlsFiles | undefined;
  /** Browser origins that may call, as browsers spell them; "*" among them for any. Undefined: app.ts decides. */
  readonly corsOrigins: readonly string[] | undefined;
  /** Default: info. */
  readonly logLevel: LogLevel;
  /** Undefined: pretty when the log goes to a terminal, else json. */
  readonly logFormat: LogFormat | undefined;
  /** Where the metrics are served. Undefined: nowhere. */
  readonly metricsListen: ListenAddress | undefined;
  /** Whether plain unary calls take the direct path; false: connect-node serves every call. Default: true. */
  readonly directUnary: boolean;
  /** How long a stop waits for calls in flight, in milliseconds: 0 to 1 hour. Default: 10 seconds. */
  readonly shutdownGraceMs: number;
}

export interface ListenAddress {
  /** IP address, without brackets, or host name. */
  readonly host: string;
  /** 0 to 65535; 0 is any free port. */
  readonly port: number;
}

/** Both were read once, and belong together. */
export interface TlsFiles {
  /** PEM: the certificate, then its intermediates. */
  readonly certificateFile: string;
  /** PEM, without a passphrase. */
  readonly keyFile: string;
}

export interface SmtpServer {
  /** IP address, without brackets, or host name. */
  readonly host: string;
  /** Default: 587, with `secure` 465. */
  readonly port: number;
  /** TLS from the first byte (smtps://). */
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: Secret;
}

export interface PostgresConfig {
  /** Host name or IP address, without brackets. */
  readonly host: string;
  /** Default: 5432. */
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly tls: PostgresTls;
  /** Connections, 4 to 200. Default: 10. */
  readonly poolSize: number;
  /** How long the server works on one statement, in milliseconds: 100 ms to 1 minute. Default: 3 seconds. */
  readonly statementTimeoutMs: number;
  /** How long a call waits for a row that another holds, in milliseconds: 10 ms to 1 minute. Default: 1 second. */
  readonly lockTimeoutMs: number;
  /** What stands between: nothing, or a pooler that gives each transaction another connection. Default: none. */
  readonly pooler: "none" | "transaction";
}

/** As libpq means sslmode: `require` encrypts for whoever answers, `verify-ca` asks for a certificate, `verify-full` for the host's own. */
export interface PostgresTls {
  readonly mode: "disable" | "require" | "verify-ca" | "verify-full";
  /** PEM file of the authorities that count. Undefined: those that Node trusts. */
  readonly rootCertificateFile: string | undefined;
}

export interface MailWebhook {
  /** `https:`, or `http:` to loopback; its path and query may hold a token. */
  readonly url: Secret;
  /** Keys of the signatures, 24 to 64 bytes each, at least one. */
  readonly secrets: readonly Secret<Uint8Array>[];
  /** Whether the host may be one that the internet does not reach. Default: false. */
  readonly allowPrivate: boolean;
}

export interface Sender {
  /** Empty when there is only an address. */
  readonly name: string;
  readonly address: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

const PREFIX = "COUNTERSIGN_";
/** Six decimal digits have 19.9: the least that people know as a code, safe behind the attempt limits. */
const MIN_CODE_ENTROPY_BITS = 19;
const MIN_ADMIN_TOKEN_LENGTH = 32;
const SECRET_KEY_BYTES = 32;
// Standard Webhooks 1.0.0, section "Signature scheme": 192 to 512 bits.
const MIN_WEBHOOK_SECRET_BYTES = 24;
const MAX_WEBHOOK_SECRET_BYTES = 64;
const MAX_SHOWN_VALUE_LENGTH = 60;

const SECOND_MS = 1000;
const UNIT_MS = { ms: 1, s: SECOND_MS, m: 60 * SECOND_MS, h: 3600 * SECOND_MS, d: 86_400 * SECOND_MS };

interface Setting {
  /** Without the prefix; the flag is the same in kebab case. */
  readonly name: string;
  /** Text, trimmed and not empty, -> value. Its messages continue a sentence that begins with the value. */
  readonly schema: v.GenericSchema<string, unknown>;
  /** Parsed when the setting is not set. */
  readonly fallback?: string;
  /** What stands for the default in prose, where there is no `fallback`. Markdown. */
  readonly unset?: string;
  readonly example: string;
  /** Stands for the value in `--help`. */
  readonly placeholder: string;
  readonly help: string;
  /** The value is, or by mistake could hold, a secret: it is never shown. */
  readonly confidential?: true;
}

const SETTINGS = {
  listen: {
    name: "LISTEN",
    schema: parsed(parseListenAddress),
    fallback: "127.0.0.1:8080",
    example: "0.0.0.0:8080",
    placeholder: "host:port",
    help: "Address to listen on; port 0 takes any free port.",
  },
  publicUrl: {
    name: "PUBLIC_URL",
    schema: parsed(parseOrigin),
    unset: "`http://`, with TLS `https://`, and the bound address",
    example: "https://verify.example.com",
    placeholder: "url",
    help: "Origin of the links in mails, as browsers reach it.",
    confidential: true,
  },
  dataDir: {
    name: "DATA_DIR",
    schema: parsed(parsePath),
    fallback: "./data",
    example: "/var/lib/countersign",
    placeholder: "path",
    help: "Directory of the database, the generated key and the admin token.",
  },
  database: {
    name: "DATABASE_URL",
    schema: parsed(parseDatabaseUrl),
    unset: "`sqlite:<data dir>/countersign.db`",
    example: "sqlite:/var/lib/countersign/countersign.db",
    placeholder: "url",
    help: "The database: `sqlite:<path>`, or `postgres://user:password@host/database` for any number of instances.",
    confidential: true,
  },
  databasePoolSize: {
    name: "DATABASE_POOL_SIZE",
    schema: wholeNumber(4, 200),
    fallback: "10",
    example: "20",
    placeholder: "number",
    help: "PostgreSQL: connections of one instance; one more listens.",
  },
  databaseStatementTimeoutMs: {
    name: "DATABASE_STATEMENT_TIMEOUT",
    schema: duration("100ms", "1m"),
    fallback: "3s",
    example: "5s",
    placeholder: "duration",
    help: "PostgreSQL: how long the server may work on one statement of a call.",
  },
  databaseLockTimeoutMs: {
    name: "DATABASE_LOCK_TIMEOUT",
    schema: duration("10ms", "1m"),
    fallback: "1s",
    example: "2s",
    placeholder: "duration",
    help: "PostgreSQL: how long a call waits for a row that another transaction holds.",
  },
  databasePooler: {
    name: "DATABASE_POOLER",
    schema: oneOf(["none", "transaction"]),
    fallback: "none",
    example: "transaction",
    placeholder: "kind",
    help: "PostgreSQL: `transaction` behind a pooler in transaction mode (PgBouncer and its like).",
  },
  adminToken: {
    name: "ADMIN_TOKEN",
    schema: v.pipe(
      v.string(),
      v.regex(/^[\x21-\x7E]*$/, "has characters other than printable ASCII without spaces"),
      v.minLength(MIN_ADMIN_TOKEN_LENGTH, `is shorter than ${MIN_ADMIN_TOKEN_LENGTH} characters`),
      v.transform((text) => new Secret(text)),
    ),
    unset: "made at the first start, in `<data dir>/admin.token`",
    example: "$(openssl rand -hex 32)",
    placeholder: "token",
    help: `Token of the admin service account, ${MIN_ADMIN_TOKEN_LENGTH} characters or more.`,
    confidential: true,
  },
  secretKey: {
    name: "SECRET_KEY",
    schema: parsed(parseSecretKeys),
    unset: "made at the first start, in the data directory",
    example: "$(openssl rand -base64 32)",
    placeholder: "keys",
    help: "Keys that seal mails in the queue and authenticate codes: 32 bytes in base64 each, newest first, separated by commas.",
    confidential: true,
  },
  secretKeyFile: {
    name: "SECRET_KEY_FILE",
    schema: parsed(readSecretKeys),
    unset: "none",
    example: "/run/secrets/countersign-keys",
    placeholder: "path",
    help: "File with the secret keys, separated by commas or line breaks; instead of the variable above.",
    confidential: true,
  },
  smtpServers: {
    name: "SMTP_URL",
    schema: parsed(parseSmtpServers),
    unset: "none: dev inbox",
    example: "smtp://user:password@smtp.example.com:587",
    placeholder: "urls",
    help: "SMTP server, `smtp://` (port 587) or `smtps://` (port 465), credentials percent-encoded and sent over TLS only (STARTTLS, but on loopback); several, separated by commas, are tried in order.",
    confidential: true,
  },
  mailWebhookUrl: {
    name: "MAIL_WEBHOOK_URL",
    schema: parsed(parseWebhookUrl),
    unset: "none",
    example: "https://mailer.example.com/countersign",
    placeholder: "url",
    help: "HTTP provider that mails are posted to instead of SMTP, `https://` (`http://` to loopback only); redirects are not followed.",
    confidential: true,
  },
  mailWebhookSecret: {
    name: "MAIL_WEBHOOK_SECRET",
    schema: parsed(parseWebhookSecrets),
    unset: "none",
    example: "whsec_$(openssl rand -base64 32)",
    placeholder: "secrets",
    help: `Secret that signs what is posted there (Standard Webhooks): \`whsec_\` and ${MIN_WEBHOOK_SECRET_BYTES} to ${MAX_WEBHOOK_SECRET_BYTES} bytes in base64; several, separated by spaces, all sign.`,
    confidential: true,
  },
  mailWebhookPrivate: {
    name: "MAIL_WEBHOOK_PRIVATE",
    schema: v.pipe(
      oneOf(["on", "off"]),
      v.transform((text) => text === "on"),
    ),
    fallback: "off",
    example: "on",
    placeholder: "on|off",
    help: "Let the provider's name resolve to private and loopback addresses, such as those of Kubernetes services.",
  },
  devInbox: {
    name: "DEV_INBOX",
    schema: v.pipe(
      oneOf(["on", "off"]),
      v.transform((text) => text === "on"),
    ),
    unset: "on while the listener is loopback and neither an SMTP server nor an HTTP provider is set",
    example: "off",
    placeholder: "on|off",
    help: "Keep mails in an inbox at `/inbox` instead of sending them.",
  },
  mailFrom: {
    name: "MAIL_FROM",
    schema: parsed(parseSender),
    fallback: "Countersign <no-reply@localhost>",
    example: "Example Accounts <accounts@example.com>",
    placeholder: "mailbox",
    help: "Sender of the mails.",
  },
  defaultLanguage: {
    name: "DEFAULT_LANGUAGE",
    schema: parsed(parseLanguageTag),
    fallback: "en",
    example: "de",
    placeholder: "tag",
    help: "Language of the mails to people who prefer none of those that there are (en, de, fr, es, it, pt, nl, pl, ja, zh and what the folder below adds).",
  },
  mailTemplates: {
    name: "MAIL_TEMPLATES",
    schema: parsed(parsePath),
    unset: "none",
    example: "/etc/countersign/mail",
    placeholder: "path",
    help: "Folder of your own mail texts and templates (docs/mail.md).",
  },
  mailLink: {
    name: "MAIL_LINK",
    schema: v.pipe(
      oneOf(["on", "off"]),
      v.transform((text) => text === "on"),
    ),
    fallback: "on",
    example: "off",
    placeholder: "on|off",
    help: "Whether mails have a link and a button beside the code.",
  },
  codeLength: {
    name: "CODE_LENGTH",
    schema: wholeNumber(4, 20),
    fallback: "6",
    example: "8",
    placeholder: "count",
    help: `Symbols per code, 4 to 20; with the alphabet, ${MIN_CODE_ENTROPY_BITS} bits of entropy or more.`,
  },
  codeAlphabet: {
    name: "CODE_ALPHABET",
    schema: v.pipe(
      v.string(),
      v.regex(/^[\x21-\x7E]*$/, "has symbols other than printable ASCII without spaces"),
      v.check((text) => new Set(text).size === text.length, "has a symbol twice"),
      v.minLength(2, "has fewer than 2 symbols"),
      v.maxLength(256, "has more than 256 symbols"),
    ),
    fallback: UNAMBIGUOUS_ALPHABET,
    example: "0123456789ABCDEF",
    placeholder: "symbols",
    help: "Symbols that codes are made of, 2 to 256 distinct printable ASCII characters.",
  },
  codeTtlMs: {
    name: "CODE_TTL",
    schema: duration("1m", "7d"),
    fallback: "1h",
    example: "15m",
    placeholder: "duration",
    help: "How long a code can be used, 1m to 7d.",
  },
  codeMaxAttempts: {
    name: "CODE_MAX_ATTEMPTS",
    schema: wholeNumber(1, 1000),
    fallback: "5",
    example: "10",
    placeholder: "count",
    help: "Wrong tries per code and client, 1 to 1000; ten times that per code by all clients together.",
  },
  liveCodes: {
    name: "LIVE_CODES",
    schema: wholeNumber(1, 5),
    fallback: "1",
    example: "2",
    placeholder: "count",
    help: "How many of the newest codes work at a time, 1 to 5; they share one budget of wrong tries.",
  },
  maxFailuresPerDay: {
    name: "FAILURES_PER_DAY",
    schema: wholeNumber(0, 100_000),
    fallback: "100",
    example: "30",
    placeholder: "count",
    help: "Wrong tries per address and day, whatever the user, the code and the client, up to 100000; 0 for no such limit.",
  },
  sendCooldownMs: {
    name: "SEND_COOLDOWN",
    schema: duration("0s", "1d"),
    fallback: "0s",
    example: "60s",
    placeholder: "duration",
    help: "From one code for an address to the next, up to 1d; 0s for no such limit.",
  },
  sendsPerHour: {
    name: "SENDS_PER_HOUR",
    schema: wholeNumber(0, 100_000),
    fallback: "0",
    example: "5",
    placeholder: "count",
    help: "Codes for one address within an hour, whatever the user, mailed or returned, up to 100000; 0 for no such limit.",
  },
  userSendsPerHour: {
    name: "USER_SENDS_PER_HOUR",
    schema: wholeNumber(0, 100_000),
    fallback: "0",
    example: "10",
    placeholder: "count",
    help: "Codes for one user within an hour, whatever the address, up to 100000; 0 for no such limit.",
  },
  principalSendsPerHour: {
    name: "PRINCIPAL_SENDS_PER_HOUR",
    schema: wholeNumber(0, 10_000_000),
    fallback: "0",
    example: "10000",
    placeholder: "count",
    help: "Codes that one caller (service account or user) has issued within an hour, up to 10000000; 0 for no such limit.",
  },
  clientSendsPerHour: {
    name: "CLIENT_SENDS_PER_HOUR",
    schema: wholeNumber(0, 10_000_000),
    fallback: "0",
    example: "1000",
    placeholder: "count",
    help: "Codes asked for from one IP address (of IPv6: one /64) within an hour, up to 10000000; 0 for no such limit.",
  },
  limits: {
    name: "LIMITS",
    schema: oneOf(["enforce", "dry-run"]),
    fallback: "enforce",
    example: "dry-run",
    placeholder: "enforce|dry-run",
    help: "Whether calls over the limits on sending above are refused, or only counted and logged; wrong tries are limited in any case.",
  },
  trustedProxies: {
    name: "TRUSTED_PROXIES",
    schema: parsed(parseNetworks),
    unset: "none",
    example: "10.0.0.0/8,2001:db8::7",
    placeholder: "networks",
    help: "Proxies whose `Forwarded` or `X-Forwarded-For` says who the client is, IP addresses and networks separated by commas.",
  },
  urlTemplateHosts: {
    name: "URL_TEMPLATE_HOSTS",
    schema: parsed(parseHosts),
    unset: "any https host, and http on loopback",
    example: "app.example.com,*.example.org",
    placeholder: "hosts",
    help: "Hosts that the links of callers may lead to: `host`, `host:port` or `*.example.com`, separated by commas.",
  },
  tlsCert: {
    name: "TLS_CERT",
    schema: parsed(parseCertificateFile),
    unset: "none: cleartext",
    example: "/run/secrets/countersign-tls.crt",
    placeholder: "path",
    help: "File with the certificate to serve TLS with, PEM, its intermediates after it; read again on SIGHUP.",
  },
  tlsKey: {
    name: "TLS_KEY",
    schema: parsed(parseKeyFile),
    unset: "none",
    example: "/run/secrets/countersign-tls.key",
    placeholder: "path",
    help: "File with the private key of the certificate, PEM, without a passphrase.",
    confidential: true,
  },
  corsOrigins: {
    name: "CORS_ORIGINS",
    schema: parsed(parseOrigins),
    unset: "none; loopback origins while the dev inbox is on",
    example: "https://app.example.com,https://admin.example.com",
    placeholder: "origins",
    help: "Browser origins that may call the API, separated by commas; `*` for any, without credentials.",
  },
  logLevel: {
    name: "LOG_LEVEL",
    schema: oneOf(["trace", "debug", "info", "warn", "error", "silent"]),
    fallback: "info",
    example: "debug",
    placeholder: "level",
    help: "Least severe level in the log: trace, debug, info, warn, error or silent.",
  },
  logFormat: {
    name: "LOG_FORMAT",
    schema: oneOf(["json", "pretty"]),
    unset: "pretty on a terminal, else json",
    example: "json",
    placeholder: "json|pretty",
    help: "Log for machines or for people.",
  },
  metricsListen: {
    name: "METRICS_LISTEN",
    schema: parsed(parseListenAddress),
    unset: "none: no metrics",
    example: "127.0.0.1:9464",
    placeholder: "host:port",
    help: "Address that serves Prometheus metrics at `/metrics`, to everyone who reaches it; port 0 takes any free port.",
  },
  directUnary: {
    name: "DIRECT_UNARY",
    schema: v.pipe(
      oneOf(["on", "off"]),
      v.transform((text) => text === "on"),
    ),
    fallback: "on",
    example: "off",
    placeholder: "on|off",
    help: "Serve plain unary calls directly; off serves everything through connect-node, at a sixth to a third of the speed.",
  },
  shutdownGraceMs: {
    name: "SHUTDOWN_GRACE",
    schema: duration("0s", "1h"),
    fallback: "10s",
    example: "30s",
    placeholder: "duration",
    help: "How long a stop waits for calls in flight, 0s to 1h.",
  },
} as const satisfies Record<string, Setting>;

type Settings = typeof SETTINGS;
type Values = {
  readonly [Key in keyof Settings]:
    | v.InferOutput<Settings[Key]["schema"]>
    | (Settings[Key] extends { readonly fallback: string } ? never : undefined);
};

/** A setting as the command line shows it. */
export interface SettingFlag {
  /** `--code-ttl <duration>` */
  readonly flag: string;
  /** The help, the variable and the default, one line of plain text. */
  readonly description: string;
}

/** The flags of `serve`, one per setting. */
export const settingFlags: readonly SettingFlag[] = Object.values<Setting>(SETTINGS).map(settingFlag);

function settingFlag(setting: Setting): SettingFlag {
  const { help, name, placeholder } = setting;
  return {
    flag: `${flagOf(setting)} <${placeholder}>`,
    description: `${help} [${PREFIX}${name}, default: ${defaultOf(setting)}]`.replaceAll("`", ""),
  };
}

/** The settings table of README.md: Markdown, without a trailing line break. */
export function renderSettingsTable(): string {
  const rows = Object.values<Setting>(SETTINGS).map((setting) => [
    `\`${PREFIX}${setting.name}\``,
    defaultOf(setting),
    `\`${setting.example}\``,
    setting.help,
  ]);
  return [["Variable", "Default", "Example", "Meaning"], ["---", "---", "---", "---"], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

/**
 * Reads every setting from its flag, else from its variable, else takes its default. A blank text counts as not set.
 * Pure, but for reading the file that SECRET_KEY_FILE names.
 *
 * @param env the variables of the process
 * @param flags values of `serve`'s flags under their names in camel case (`codeTtl`)
 * @returns the config, and warnings about variables that nothing reads; or every problem, one line each
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
): ConfigResult {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, setting] of Object.entries<Setting>(SETTINGS)) {
    const given = readSetting(setting, env, flags);
    const text = given?.text ?? setting.fallback;
    values[key] = undefined;
    if (text === undefined) continue;
    const result = v.safeParse(setting.schema, text, { abortPipeEarly: true });
    if (result.success) values[key] = result.output;
    else problems.push(...result.issues.map((issue) => problemLine(setting, issue.message, given)));
  }
  // Where a value is missing here, there is a problem too, and the result is not used.
  const complete = values as Values;
  problems.push(...conflicts(complete, env, flags));
  const unknown = unknownVariables(env);
  problems.push(...unknown.problems);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: deepFreeze(assemble(complete)), warnings: unknown.warnings };
}

function assemble({
  secretKey,
  secretKeyFile,
  tlsCert,
  tlsKey,
  mailWebhookUrl,
  mailWebhookSecret,
  mailWebhookPrivate,
  database,
  databasePoolSize,
  databaseStatementTimeoutMs,
  databaseLockTimeoutMs,
  databasePooler,
  ...values
}: Values): Config {
  return {
    ...values,
    mailWebhook:
      mailWebhookUrl === undefined || mailWebhookSecret === undefined
        ? undefined
        : {
            url: new Secret(mailWebhookUrl.href),
            secrets: mailWebhookSecret,
            allowPrivate: mailWebhookPrivate,
          },
    tls:
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : { certificateFile: tlsCert.path, keyFile: tlsKey.path },
    databasePath: database?.kind === "sqlite" ? database.path : join(values.dataDir, "countersign.db"),
    postgres:
      database?.kind !== "postgres"
        ? undefined
        : {
            ...database.address,
            poolSize: databasePoolSize,
            statementTimeoutMs: databaseStatementTimeoutMs,
            lockTimeoutMs: databaseLockTimeoutMs,
            pooler: databasePooler,
          },
    secretKeys: secretKey ?? secretKeyFile?.keys,
    secretKeyFile: secretKeyFile?.path,
    smtpServers: values.smtpServers ?? [],
    trustedProxies: values.trustedProxies ?? [],
  };
}

interface Given {
  readonly text: string;
  readonly from: "flag" | "variable";
}

function readSetting(
  setting: Setting,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): Given | undefined {
  const flag = flags[propertyOf(setting)]?.trim() ?? "";
  if (flag !== "") return { text: flag, from: "flag" };
  const variable = env[PREFIX + setting.name]?.trim() ?? "";
  return variable === "" ? undefined : { text: variable, from: "variable" };
}

/** What no setting can tell alone. */
function conflicts(
  values: Partial<Values>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): string[] {
  const problems: string[] = [];
  const key = readSetting(SETTINGS.secretKey, env, flags);
  if (key !== undefined && readSetting(SETTINGS.secretKeyFile, env, flags) !== undefined) {
    const [one, other] = [PREFIX + SETTINGS.secretKey.name, PREFIX + SETTINGS.secretKeyFile.name];
    problems.push(
      `${one}: set together with ${other}: keep one of them; example: ${other}=${SETTINGS.secretKeyFile.example}`,
    );
  }
  problems.push(...postgresConflicts(values, env, flags));
  problems.push(...tlsConflicts(values, env, flags));
  problems.push(...webhookConflicts(values, env, flags));
  const { codeLength, codeAlphabet } = values;
  if (codeLength !== undefined && codeAlphabet !== undefined) {
    const bitsPerSymbol = Math.log2(codeAlphabet.length);
    const bits = codeLength * bitsPerSymbol;
    if (bits < MIN_CODE_ENTROPY_BITS) {
      // Rounded down: 19.97 bits must not read as 20.0.
      const roundedBits = Math.floor(bits * 10) / 10;
      const variable = PREFIX + SETTINGS.codeLength.name;
      problems.push(
        `${variable}: ${codeLength} symbols out of an alphabet of ${codeAlphabet.length} give ${roundedBits} bits of entropy, ` +
          `fewer than ${MIN_CODE_ENTROPY_BITS}; example: ${variable}=${Math.ceil(MIN_CODE_ENTROPY_BITS / bitsPerSymbol)}`,
      );
    }
  }
  return problems;
}

/** Instances that share a database need the same key and the same token; none of them could make one for the others. */
function postgresConflicts(
  { database }: Partial<Values>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): string[] {
  if (database?.kind !== "postgres") return [];
  const { secretKey, secretKeyFile, adminToken } = SETTINGS;
  const isSet = (setting: Setting) => readSetting(setting, env, flags) !== undefined;
  const missing = [
    ...(isSet(secretKey) || isSet(secretKeyFile) ? [] : [secretKey]),
    ...(isSet(adminToken) ? [] : [adminToken]),
  ];
  return missing.map((setting) => {
    const variable = PREFIX + setting.name;
    return (
      `${variable}: not set, and instances that share a PostgreSQL database need the same value; ` +
      `example: ${variable}=${quoted(setting.example)}`
    );
  });
}

function tlsConflicts(
  { tlsCert, tlsKey }: Partial<Values>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): string[] {
  const { tlsCert: cert, tlsKey: key } = SETTINGS;
  const hasCert = readSetting(cert, env, flags) !== undefined;
  if (hasCert !== (readSetting(key, env, flags) !== undefined)) {
    const [one, other] = hasCert ? [cert, key] : [key, cert];
    const missing = PREFIX + other.name;
    return [
      `${PREFIX}${one.name}: set without ${missing}: set both or none; example: ${missing}=${other.example}`,
    ];
  }
  // A value is missing here where a file was no good, which has its own line.
  if (tlsCert === undefined || tlsKey === undefined) return [];
  if (tlsCert.certificate.checkPrivateKey(tlsKey.key)) return [];
  const variable = PREFIX + key.name;
  return [
    `${variable}: names a file whose key is not that of the certificate in ${PREFIX}${cert.name}; example: ${variable}=${key.example}`,
  ];
}

function webhookConflicts(
  { mailWebhookUrl, mailWebhookPrivate }: Partial<Values>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): string[] {
  const {
    mailWebhookUrl: url,
    mailWebhookSecret: secret,
    mailWebhookPrivate: isPrivate,
    smtpServers,
  } = SETTINGS;
  const isSet = (setting: Setting) => readSetting(setting, env, flags) !== undefined;
  const problems: string[] = [];
  if (isSet(url) !== isSet(secret)) {
    const [one, other] = isSet(url) ? [url, secret] : [secret, url];
    const missing = PREFIX + other.name;
    problems.push(
      `${PREFIX}${one.name}: set without ${missing}: set both or none; example: ${missing}=${quoted(other.example)}`,
    );
  }
  if (isSet(url) && isSet(smtpServers)) {
    const variable = PREFIX + url.name;
    problems.push(
      `${PREFIX}${smtpServers.name}: set together with ${variable}, and mail goes one way only: keep one of them; ` +
        `example: ${variable}=${url.example}`,
    );
  }
  // Names are looked up, and what they resolve to is checked like any other: only an address says for sure.
  if (mailWebhookPrivate === false && /^(?:.*\.)?localhost$/.test(mailWebhookUrl?.hostname ?? "")) {
    const variable = PREFIX + isPrivate.name;
    problems.push(
      `${PREFIX}${url.name}: the value leads to this machine by its name, which wants ${variable}=on ` +
        `(an address such as 127.0.0.1 does not); example: ${variable}=${isPrivate.example}`,
    );
  }
  return problems;
}

/** `COUNTERSIGN_CODE_LENGTH: "x" is not a whole number; example: COUNTERSIGN_CODE_LENGTH=8` */
function problemLine(setting: Setting, fault: string, given: Given | undefined): string {
  const variable = PREFIX + setting.name;
  const isFlag = given?.from === "flag";
  const source = isFlag ? `${variable} (${flagOf(setting)})` : variable;
  const subject = given === undefined || setting.confidential ? "the value" : shown(given.text);
  const example = isFlag
    ? `${flagOf(setting)} ${quoted(setting.example)}`
    : `${variable}=${quoted(setting.example)}`;
  return `${source}: ${subject} ${fault}; example: ${example}`;
}

/** In quotes and escaped, so that no value can break a line or move a terminal's cursor. */
function shown(text: string): string {
  const cut = text.length > MAX_SHOWN_VALUE_LENGTH ? `${text.slice(0, MAX_SHOWN_VALUE_LENGTH)}...` : text;
  return JSON.stringify(cut).replace(/[\u007F-\u009F]/g, "?");
}

/** As a shell would have to be given it. */
function quoted(example: string): string {
  if (!/[\s<>*]/.test(example)) return example;
  // Single quotes would keep the shell from running what makes the value.
  return example.includes("$(") ? `"${example}"` : `'${example}'`;
}

function flagOf(setting: Setting): string {
  return `--${setting.name.toLowerCase().replaceAll("_", "-")}`;
}

function propertyOf(setting: Setting): string {
  return setting.name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function defaultOf(setting: Setting): string {
  return setting.fallback === undefined ? (setting.unset ?? "none") : `\`${setting.fallback}\``;
}

// What Kubernetes sets in every pod of a namespace that has a service named "countersign".
const SERVICE_VARIABLE = /^(?:PORT|SERVICE_HOST|SERVICE_PORT)$|^(?:PORT|SERVICE_PORT)_/;
const MAX_TYPO_DISTANCE = 2;

function unknownVariables(env: Readonly<Record<string, string | undefined>>): {
  problems: string[];
  warnings: string[];
} {
  const known = Object.values<Setting>(SETTINGS).map((setting) => setting.name);
  // Of the commands that call the service: they may share its environment.
  const clientNames = Object.values<Setting>(CLIENT_SETTINGS).map((setting) => setting.name);
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || text.trim() === "") continue;
    const name = variable.slice(PREFIX.length);
    if (known.includes(name) || clientNames.includes(name) || SERVICE_VARIABLE.test(name)) continue;
    const meant = closest(name, known);
    if (meant === undefined) warnings.push(`${variable} is not a setting of this version and has no effect`);
    else problems.push(`${variable}: is not a setting; did you mean ${PREFIX}${meant}?`);
  }
  return { problems, warnings };
}

/** The known name within two edits, else one that begins like this name or goes on from it. */
function closest(name: string, known: readonly string[]): string | undefined {
  const byDistance = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .toSorted((a, b) => a.distance - b.distance);
  const nearest = byDistance[0];
  if (nearest !== undefined && nearest.distance <= MAX_TYPO_DISTANCE) return nearest.candidate;
  if (name === "") return undefined;
  return byDistance.find(({ candidate }) => candidate.startsWith(name) || name.startsWith(candidate))
    ?.candidate;
}

/** Levenshtein: insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

// --- Commands that call a running service -------------------------------------------------------------------------

const CLIENT_SETTINGS = {
  url: {
    name: "URL",
    schema: parsed(parseOrigin),
    unset: "the address that COUNTERSIGN_LISTEN names",
    example: "https://verify.example.com",
    placeholder: "url",
    help: "Where the service answers: scheme, host and port.",
    confidential: true,
  },
  tokenFile: {
    name: "TOKEN_FILE",
    schema: parsed(parsePath),
    unset: "COUNTERSIGN_ADMIN_TOKEN, else `<data dir>/admin.token`",
    example: "/run/secrets/countersign-token",
    placeholder: "path",
    help: "File with the access token to call it with.",
  },
  dataDir: SETTINGS.dataDir,
} as const satisfies Record<string, Setting>;

/** How a command finds the service that it calls. */
export interface ClientConfig {
  /** Origin of the service, without a trailing slash. */
  readonly url: string;
  /** The token itself, where a variable holds it. */
  readonly token: Secret | undefined;
  /** Where the token is, where no variable holds it. */
  readonly tokenFile: string;
}

export type ClientConfigResult =
  | { readonly ok: true; readonly config: ClientConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The flags of every command that calls a running service. */
export const clientSettingFlags: readonly SettingFlag[] =
  Object.values<Setting>(CLIENT_SETTINGS).map(settingFlag);

/**
 * Reads only what a caller needs: the service's other settings may be none of the caller's business, or out of its reach.
 *
 * @param flags values of `clientSettingFlags` under their names in camel case
 */
export function loadClientConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
): ClientConfigResult {
  const problems: string[] = [];
  function read<T>(setting: Setting & { readonly schema: v.GenericSchema<string, T> }): T | undefined {
    const given = readSetting(setting, env, flags);
    const text = given?.text ?? setting.fallback;
    if (text === undefined) return undefined;
    const result = v.safeParse(setting.schema, text, { abortPipeEarly: true });
    if (result.success) return result.output;
    problems.push(...result.issues.map((issue) => problemLine(setting, issue.message, given)));
    return undefined;
  }
  const url = read(CLIENT_SETTINGS.url) ?? localUrl(read(SETTINGS.listen), env);
  const tokenFile = read(CLIENT_SETTINGS.tokenFile);
  const token = tokenFile === undefined ? read(SETTINGS.adminToken) : undefined;
  const dataDir = read(SETTINGS.dataDir) ?? "";
  if (url === undefined && problems.length === 0) {
    const { name, example } = CLIENT_SETTINGS.url;
    problems.push(
      `${PREFIX}${name}: is not set, and ${PREFIX}${SETTINGS.listen.name} has port 0, which does not tell where the service is; example: ${flagOf(CLIENT_SETTINGS.url)} ${example}`,
    );
  }
  if (url === undefined || problems.length > 0) return { ok: false, problems };
  return { ok: true, config: { url, token, tokenFile: tokenFile ?? join(dataDir, "admin.token") } };
}

/** Where a service on this machine answers that has the same environment. */
function localUrl(
  listen: ListenAddress | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (listen === undefined || listen.port === 0) return undefined;
  const scheme = readSetting(SETTINGS.tlsCert, env, {}) === undefined ? "http" : "https";
  // A listener on all addresses of the machine is on its loopback too.
  const anyAddress: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const host = anyAddress[listen.host] ?? listen.host;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${listen.port}`;
}

/** Freezes plain objects and arrays; a Secret protects itself. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Secret) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

// --- Schemas ---------------------------------------------------------------------------------------------------

/** What is wrong with a text; goes on after the value, and never holds a part of it that could be secret. */
class Fault {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function parsed<T>(parse: (text: string) => T | Fault): v.GenericSchema<string, T> {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const result = parse(dataset.value);
      if (!(result instanceof Fault)) return result;
      addIssue({ message: result.text });
      return NEVER;
    }),
  );
}

function oneOf<const T extends readonly string[]>(options: T): v.GenericSchema<string, T[number]> {
  const isOption = (text: string): text is T[number] => options.includes(text);
  const fault = `is not ${options.slice(0, -1).join(", ")} or ${options.at(-1)}`;
  return parsed((text) => (isOption(text) ? text : new Fault(fault)));
}

function wholeNumber(min: number, max: number): v.GenericSchema<string, number> {
  return parsed((text) => {
    const value = Number(text);
    const fits = /^\d+$/.test(text) && value >= min && value <= max;
    return fits ? value : new Fault(`is not a whole number from ${min} to ${max}`);
  });
}

function duration(min: string, max: string): v.GenericSchema<string, number> {
  const minMs = durationMs(min) ?? 0;
  const maxMs = durationMs(max) ?? Infinity;
  return parsed((text) => {
    const ms = durationMs(text);
    if (ms === undefined) return new Fault("is not a duration: a whole number and one of ms, s, m, h, d");
    return ms >= minMs && ms <= maxMs ? ms : new Fault(`is not between ${min} and ${max}`);
  });
}

function durationMs(text: string): number | undefined {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

function parseListenAddress(text: string): ListenAddress | Fault {
  const [, bracketed, plain = "", digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) {
    return new Fault(isIP(text) === 6 ? "is not host:port: write [address]:port" : "is not host:port");
  }
  const port = Number(digits);
  if (port > 65_535) return new Fault("has a port above 65535");
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6
      ? { host: bracketed, port }
      : new Fault("has no IPv6 address between its brackets");
  }
  return isHost(plain)
    ? { host: plain, port }
    : new Fault("has neither an IP address nor a host name before its port");
}

/** An IPv4 address, or a host name by RFC 1123 section 2.1; its last label is no number, or it would be a broken address. */
function isHost(text: string): boolean {
  if (isIP(text) === 4) return true;
  const labels = text.replace(/\.$/, "").split(".");
  return (
    text.length <= 253 &&
    labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? "")
  );
}

function parseOrigin(text: string): string | Fault {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text)) return new Fault("is not an http:// or https:// URL");
  if (url.username !== "" || url.password !== "") return new Fault("has credentials");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return new Fault("has a path, query or fragment: only scheme, host and port are wanted");
  }
  return url.origin;
}

function parsePath(text: string): string | Fault {
  return text.includes("\0") ? new Fault("has a NUL character") : normalize(text);
}

type PostgresAddress = Pick<PostgresConfig, "host" | "port" | "database" | "user" | "password" | "tls">;

type DatabaseLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly address: PostgresAddress };

function parseDatabaseUrl(text: string): DatabaseLocation | Fault {
  if (/^postgres(?:ql)?:/i.test(text)) return parsePostgresUrl(text);
  const [, rest] = /^sqlite:(.*)$/is.exec(text) ?? [];
  if (rest === undefined)
    return new Fault("is neither sqlite:<path> nor postgres://user:password@host/database");
  // sqlite:///var/lib/x.db is how many tools spell the absolute path; sqlite://x.db would have a host.
  const path = rest.startsWith("///") ? rest.slice(2) : rest;
  if (path === "" || path.startsWith("//")) return new Fault("has no path after sqlite:");
  if (path === ":memory:") return new Fault("is a database in memory, which cannot keep what it accepted");
  if (path.includes("?")) return new Fault("has options: only a path is wanted");
  const parsedPath = parsePath(path);
  return parsedPath instanceof Fault ? parsedPath : { kind: "sqlite", path: parsedPath };
}

const DEFAULT_POSTGRES_PORT = 5432;

/** The URL as libpq has it, with as many of its parameters as mean something here. */
function parsePostgresUrl(text: string): DatabaseLocation | Fault {
  const url = URL.parse(text);
  if (url === null || !/^postgres(?:ql)?:\/\//i.test(text)) {
    return new Fault("is not postgres://user:password@host:port/database");
  }
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(percentDecoded);
  if (user === undefined || password === undefined || database === undefined) {
    return new Fault("has a percent sign that begins no percent-encoding (a percent sign itself is %25)");
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "" || (isIP(host) === 0 && !isHost(host))) return new Fault("has no host name or IP address");
  if (user === "") return new Fault("has no user name");
  if (database === "" || database.includes("/")) return new Fault("has no name of a database after its host");
  const tls = parsePostgresTls(url.searchParams);
  if (tls instanceof Fault) return tls;
  return {
    kind: "postgres",
    address: {
      host,
      port: url.port === "" ? DEFAULT_POSTGRES_PORT : Number(url.port),
      database,
      user,
      password: password === "" ? undefined : new Secret(password),
      tls,
    },
  };
}

function parsePostgresTls(parameters: URLSearchParams): PostgresTls | Fault {
  const modes = ["disable", "require", "verify-ca", "verify-full"] as const;
  let mode: PostgresTls["mode"] = "disable";
  let rootCertificateFile: string | undefined;
  for (const [name, value] of parameters) {
    const wanted = modes.find((each) => each === value);
    if (name === "sslmode" && wanted !== undefined) mode = wanted;
    else if (name === "sslmode") return new Fault(`has an sslmode other than ${modes.join(", ")}`);
    else if (name === "sslrootcert" && value !== "") rootCertificateFile = value;
    else return new Fault("has a parameter other than sslmode and sslrootcert");
  }
  if (rootCertificateFile !== undefined) {
    if (mode === "disable") return new Fault("has sslrootcert without an sslmode that uses it");
    const content = readText(rootCertificateFile);
    if (content instanceof Fault) return content;
  }
  return { mode, rootCertificateFile };
}

function parseSecretKeys(text: string): readonly Secret<Uint8Array>[] | Fault {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== "");
  if (entries.length === 0) return new Fault("has no key");
  const keys: Buffer[] = [];
  for (const [index, entry] of entries.entries()) {
    // Both alphabets of RFC 4648, padded or not.
    const key = /^[\w+/-]+={0,2}$/.test(entry) ? Buffer.from(entry, "base64") : undefined;
    if (key?.length !== SECRET_KEY_BYTES) {
      return new Fault(`is not ${SECRET_KEY_BYTES} bytes in base64 (key ${index + 1} of ${entries.length})`);
    }
    if (keys.some((other) => other.equals(key)))
      return new Fault(`has the same key twice (key ${index + 1})`);
    keys.push(key);
  }
  return keys.map((key) => new Secret<Uint8Array>(key));
}

function readText(path: string): string | Fault {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Not the error's message, which holds the path: it could be a key, put into the wrong variable.
    return new Fault(
      `names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`,
    );
  }
}

function parseCertificateFile(path: string): { path: string; certificate: X509Certificate } | Fault {
  const content = readText(path);
  if (content instanceof Fault) return content;
  try {
    return { path, certificate: new X509Certificate(content) };
  } catch {
    return new Fault("names a file that holds no certificate in PEM");
  }
}

function parseKeyFile(path: string): { path: string; key: KeyObject } | Fault {
  const content = readText(path);
  if (content instanceof Fault) return content;
  try {
    return { path, key: createPrivateKey(content) };
  } catch {
    return new Fault(
      /\bENCRYPTED\b/.test(content)
        ? "names a file whose key is under a passphrase, which cannot be given"
        : "names a file that holds no private key in PEM",
    );
  }
}

function parseOrigins(text: string): readonly string[] | Fault {
  const entries = text.split(",").map((part) => part.trim());
  if (entries.includes("*")) {
    return entries.length === 1 ? entries : new Fault("has other origins beside *, which stands for all");
  }
  if (text.includes("*"))
    return new Fault("has a * within an origin: write each one out, or * alone for any");
  const origins: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const origin = parseOrigin(entry);
    if (origin instanceof Fault) {
      return entries.length === 1
        ? origin
        : new Fault(`${origin.text} (origin ${index + 1} of ${entries.length})`);
    }
    origins.push(origin);
  }
  return origins;
}

function readSecretKeys(path: string): { path: string; keys: readonly Secret<Uint8Array>[] } | Fault {
  const content = readText(path);
  if (content instanceof Fault) return content;
  const keys = parseSecretKeys(content);
  return keys instanceof Fault ? new Fault(`names a file whose content ${keys.text}`) : { path, keys };
}

function parseSmtpServers(text: string): readonly SmtpServer[] | Fault {
  const servers: SmtpServer[] = [];
  const entries = text.split(",");
  for (const [index, entry] of entries.entries()) {
    const server = parseSmtpServer(entry.trim());
    if (server instanceof Fault) {
      return entries.length === 1
        ? server
        : new Fault(`${server.text} (server ${index + 1} of ${entries.length})`);
    }
    servers.push(server);
  }
  return servers;
}

function parseSmtpServer(text: string): SmtpServer | Fault {
  const [, scheme = ""] = /^(smtps?):\/\//i.exec(text) ?? [];
  if (scheme === "") return new Fault("does not begin with smtp:// or smtps://");
  const url = URL.parse(text);
  if (
    url === null ||
    /\s/.test(text) ||
    !/^\/?$/.test(url.pathname) ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    return new Fault(
      "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
    );
  }
  const secure = scheme.toLowerCase() === "smtps";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!isHost(host) && isIP(host) !== 6) return new Fault("has neither an IP address nor a host name");
  if (url.port === "0") return new Fault("has port 0");
  const server = { host, port: url.port === "" ? (secure ? 465 : 587) : Number(url.port), secure };
  const user = percentDecoded(url.username);
  const password = percentDecoded(url.password);
  if (user === undefined || password === undefined) {
    return new Fault("has credentials with a control character or broken percent-encoding (% itself is %25)");
  }
  if ((user === "") !== (password === "")) return new Fault("has only one of user and password");
  return user === "" ? server : { ...server, user, password: new Secret(password) };
}

function parseWebhookUrl(text: string): URL | Fault {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text) || /\s/.test(text))
    return new Fault("is not an https:// URL");
  if (url.username !== "" || url.password !== "") {
    return new Fault("has credentials, which are not sent: what is posted is signed instead");
  }
  if (url.hash !== "") return new Fault("has a fragment (#), which is not sent");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!isHost(host) && isIP(host) !== 6) return new Fault("has neither an IP address nor a host name");
  if (url.port === "0") return new Fault("has port 0");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return new Fault("is http:// beyond this machine, and codes are sent over https:// only");
  }
  return url;
}

function parseWebhookSecrets(text: string): readonly Secret<Uint8Array>[] | Fault {
  const entries = text.split(/\s+/);
  const keys: Buffer[] = [];
  for (const [index, entry] of entries.entries()) {
    const place = `(secret ${index + 1} of ${entries.length})`;
    const [, base64 = ""] = /^whsec_([\w+/-]+={0,2})$/.exec(entry) ?? [];
    const key = Buffer.from(base64, "base64");
    if (key.length < MIN_WEBHOOK_SECRET_BYTES || key.length > MAX_WEBHOOK_SECRET_BYTES) {
      return new Fault(
        `is not whsec_ and ${MIN_WEBHOOK_SECRET_BYTES} to ${MAX_WEBHOOK_SECRET_BYTES} bytes in base64 ${place}`,
      );
    }
    if (keys.some((other) => other.equals(key))) return new Fault(`has the same secret twice ${place}`);
    keys.push(key);
  }
  return keys.map((key) => new Secret<Uint8Array>(key));
}

/** Undefined when broken, or when it holds control characters: NUL, for one, would end a field of SASL PLAIN. */
function percentDecoded(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function parseSender(text: string): Sender | Fault {
  const result = parseMailbox(text);
  if (!result.ok) return new Fault(`is not a mailbox: ${result.problem}`);
  const { displayName = "", address } = result.mailbox;
  const limitProblem = mailboxLimitProblem(result.mailbox);
  if (limitProblem !== undefined) return new Fault(`is not a mailbox: ${limitProblem}`);
  const name = displayName.replace(/"((?:[^"\\]|\\.)*)"/gu, (_, content: string) =>
    content.replace(/\\(.)/gu, "$1"),
  );
  return { name, address };
}

function parseNetworks(text: string): readonly string[] | Fault {
  const entries = text.split(",").map((entry) => entry.trim());
  for (const [index, entry] of entries.entries()) {
    const place = entries.length === 1 ? "" : ` (entry ${index + 1} of ${entries.length})`;
    const [, address = "", prefix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const family = isIP(address);
    if (family === 0) return new Fault(`is not an IP address, nor a network such as 10.0.0.0/8${place}`);
    if (prefix === undefined) continue;
    if (Number(prefix) === 0) return new Fault(`trusts everyone, who could then claim any address${place}`);
    if (Number(prefix) > (family === 4 ? 32 : 128)) return new Fault(`has a prefix that is too long${place}`);
  }
  return entries;
}

/** In its canonical spelling. */
function parseLanguageTag(text: string): string | Fault {
  try {
    return new Intl.Locale(text).toString();
  } catch {
    return new Fault("is not a language tag, such as de or pt-BR");
  }
}

function parseHosts(text: string): readonly string[] | Fault {
  const hosts: string[] = [];
  for (const entry of text.split(",").map((part) => part.trim())) {
    const wildcard = entry.startsWith("*.");
    const url = URL.parse(`https://${wildcard ? entry.slice(2) : entry}`);
    const isHostAlone = url !== null && url.href === `https://${url.host}/` && !/[/?#@\\]/.test(entry);
    const host = url?.hostname ?? "";
    if (!isHostAlone || !(isHost(host) || host.startsWith("["))) {
      return new Fault("is not a list of host, host:port or *.example.com");
    }
    if (wildcard && (url.host !== host || isIP(host) !== 0 || host.startsWith("["))) {
      return new Fault("has a wildcard before something other than a host name");
    }
    // URLs with the default port do not show it, so the entry would match nothing, or without it every port.
    if (/:0*443$/.test(entry)) return new Fault("has the default port 443: write the host alone");
    hosts.push(wildcard ? `*.${host}` : url.host);
  }
  return hosts;
}
