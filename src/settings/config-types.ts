/** What loading the settings gives: Config and the parts that it is made of. */
import type { LogFormat, LogLevel } from "../observability/logger.ts";
import type { Secret } from "../observability/secret.ts";

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
  /**
   * Connections at a time from one IP address (of IPv6 one /64) that is no trusted proxy, up to 16,384; 0 for no such
   * limit. Default: 4,096.
   */
  readonly connectionsPerAddress: number;
  /** The PostgreSQL database to serve from. Undefined: SQLite. */
  readonly postgres: PostgresConfig | undefined;
  /** Token of the admin service account, 32 characters or more. Undefined: made at the first start. */
  readonly adminToken: Secret | undefined;
  /** Whether the admin token may take the place of one that other instances were started with. Default: false. */
  readonly replaceAdminToken: boolean;
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
  /** Whether a verified address is told by mail that another took its place. Default: false. */
  readonly addressChangeNotice: boolean;
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
  /** Test mails for one organization within an hour, up to 100,000; 0 for no such limit. Default: 20. */
  readonly testMailsPerHour: number;
  /** Proxies whose word on who their client is counts: IP addresses and networks (`10.0.0.0/8`). Default: none. */
  readonly trustedProxies: readonly string[];
  /**
   * Where links of callers may lead: `host`, `host:port`, `*.example.com` or `myapp:`, spelled as WHATWG URL does.
   * Undefined: any https host, and http on loopback.
   */
  readonly urlTemplateHosts: readonly string[] | undefined;
  /** Hosts that the verification page may lead on to, likewise. Default: none. */
  readonly verifyRedirectHosts: readonly string[];
  /** Whose JWTs are accepted as access tokens. Undefined: nobody's. */
  readonly jwt: JwtTrust | undefined;
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
  /** Whether events tell the IP address of the client. Default: false. */
  readonly eventClientAddress: boolean;
  /** How long deliveries are kept after they came to their end, in milliseconds, from 1 second. Default: 30 days. */
  readonly deliveryRetentionMs: number | "forever";
  /** How long events are kept, in milliseconds, from 1 hour; the last of each user longer. Default: forever. */
  readonly eventRetentionMs: number | "forever";
  /** How long personal data of a deleted user is kept, in milliseconds, up to 10 years. Default: 30 days. */
  readonly eraseAfterMs: number | "never";
  /** How long a stop waits for calls in flight, in milliseconds: 0 to 1 hour. Default: 10 seconds. */
  readonly shutdownGraceMs: number;
}

export interface ListenAddress {
  /** IP address, without brackets, or host name. */
  readonly host: string;
  /** 0 to 65535; 0 is any free port. */
  readonly port: number;
}

export interface JwtTrust {
  /** Claim `iss`, to the letter. */
  readonly issuer: string;
  /** Values of the claim `aud`, of which a token has one or more; at least one. */
  readonly audiences: readonly string[];
  /** `https:`, or `http:` to loopback; its path and query may hold a token. */
  readonly jwksUrl: Secret;
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
