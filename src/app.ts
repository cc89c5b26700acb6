/** The composition root: from a Config to a running application. Clock and randomness come in here and nowhere else. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Authenticator } from "./access/authenticator.ts";
import { bootstrap } from "./access/bootstrap.ts";
import { IssuerKeys } from "./access/jwt/issuer-keys.ts";
import { JwtCallers } from "./access/jwt/jwt-callers.ts";
import { JwtVerifier } from "./access/jwt/jwt-verifier.ts";
import { PersonalAccessTokens } from "./access/personal-access-tokens.ts";
import { TokenUses } from "./access/token-uses.ts";
import type { Config, TlsFiles } from "./config.ts";
import { readBounceReport } from "./mail/bounce/bounce-report.ts";
import { Dispatcher } from "./mail/dispatcher.ts";
import { Inbox } from "./mail/inbox/inbox.ts";
import type { MailRoute } from "./mail/mail-route.ts";
import type { ComposerOptions } from "./mail/message.ts";
import { LanguageChoice, parseAcceptLanguage } from "./mail/messages/language-choice.ts";
import { loadMailOverrides } from "./mail/messages/load-mail-overrides.ts";
import { MailThread } from "./mail/thread/mail-thread.ts";
import type { Logger } from "./observability/logger.ts";
import { createGuardedLookup } from "./mail/webhook/address-guard.ts";
import { endpointProblem } from "./mail/webhook/webhook-endpoint.ts";
import { serveMetrics } from "./observability/metrics-listener.ts";
import { Metrics, type StoreSample } from "./observability/metrics.ts";
import { packageVersion } from "./observability/package-version.ts";
import { StartError } from "./observability/start-error.ts";
import { CallLog } from "./rpc/call-log.ts";
import { Chain } from "./rpc/chain.ts";
import { addInfrastructure } from "./rpc/infrastructure.ts";
import { Readiness } from "./rpc/readiness.ts";
import type { ServiceTable } from "./rpc/service-table.ts";
import { SendLimitWatch } from "./rpc/send-limit-watch.ts";
import { createServices } from "./rpc/services.ts";
import { EnvironmentFactory } from "./store/environment-factory.ts";
import { Housekeeping } from "./store/housekeeping.ts";
import { IdentifierFactory } from "./store/identifiers.ts";
import { adoptKeyring, fitsKeyring, makeKeyFile, readKeyFile, storedKeyId } from "./store/key-file.ts";
import { Keyring } from "./store/keyring.ts";
import { createRandomPool } from "./store/random-pool.ts";
import { LockedError } from "./store/sqlite/lock.ts";
import { SqliteStore } from "./store/sqlite/sqlite-store.ts";
import type { Store } from "./store/store.ts";
import { ApiHandler } from "./transport/api-handler.ts";
import type { ListenerLimits } from "./transport/limits.ts";
import { Listener, type BoundAddress } from "./transport/listener.ts";
import { createOpenApiPage } from "./transport/openapi/openapi-page.ts";
import type { Page } from "./transport/page-handler.ts";
import { readCertificate, reloadCertificate, warnOutOfDate, type Certificate } from "./transport/tls.ts";
import type { Policy, SendLimits } from "./verification/environment.ts";
import { FailureError } from "./verification/failures.ts";
import { isLoopback } from "./verification/host-name.ts";
import { createHealthzPage, createReadyzPage } from "./web/health-pages.ts";
import { createInboxPages } from "./web/inbox-page.ts";
import { Logos } from "./web/verify/logos.ts";
import { createVerifyPages, type VerifyPageOptions } from "./web/verify/verify-page.ts";
import { PAGE_LOCALES } from "./web/verify/page-locales.ts";

/** Wrong tries of all clients together, per try that one client has. */
const ATTEMPTS_IN_ALL_FACTOR = 10;

export interface Application {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The file with the admin token; undefined when the operator chose the token. */
  readonly adminTokenPath: string | undefined;
  readonly databasePath: string;
  /** Where mail goes, in a few words. */
  readonly mailDescription: string;
  /** Undefined when mail goes elsewhere. */
  readonly inboxUrl: string | undefined;
  /** Undefined when no metrics are served. */
  readonly metricsUrl: string | undefined;
  /** Reads the files of the TLS certificate again; without TLS does nothing. A broken one is logged, the old one stays. */
  reloadCertificate(): Promise<void>;
  /** Lets calls in flight finish, then closes everything. Safe to call again. */
  stop(): Promise<void>;
  /** Resolves with the reason when the application cannot go on. */
  readonly failed: Promise<Error>;
}

/** What tests replace to make runs repeatable. */
export interface Sources {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Cryptographically secure bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * @param limits of the port, where tests cannot wait for the ones in force
 * @throws StartError for what the operator can change; Error with node's code when the address cannot be used
 */
export async function startApplication(
  config: Config,
  logger: Logger,
  sources: Sources = { nowMs: Date.now, randomBytes: createRandomPool() },
  limits: Partial<ListenerLimits> = {},
): Promise<Application> {
  const mailRoute = chooseMailRoute(config);
  const composer = await loadComposer(config);
  const undo: (() => Promise<void>)[] = [];
  try {
    const certificate = config.tls === undefined ? undefined : await loadCertificate(config.tls, logger);
    const listener = new Listener({ certificate, limits });
    const bound = await listener.listen(config.listen.host, config.listen.port);
    undo.unshift(() => listener.close(0, () => {}));
    const metrics = new Metrics();
    const store = await openStore(config, metrics);
    undo.unshift(() => store.close());
    metrics.readStoreFrom(() => sampleStore(store, sources));
    const metricsEndpoint = await openMetrics(config, metrics);
    undo.unshift(() => metricsEndpoint?.close() ?? Promise.resolve());
    return await run({
      config,
      logger,
      sources,
      mailRoute,
      composer,
      listener,
      bound,
      store,
      metrics,
      metricsEndpoint,
      limits,
    });
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: Sources;
  readonly mailRoute: MailRoute;
  readonly composer: ComposerOptions;
  readonly listener: Listener;
  readonly bound: BoundAddress;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly metricsEndpoint: MetricsEndpoint | undefined;
  readonly limits: Partial<ListenerLimits>;
}

interface MetricsEndpoint {
  readonly url: string;
  close(): Promise<void>;
}

async function run(parts: Parts): Promise<Application> {
  const { config, logger, sources, mailRoute, composer, listener, bound, store, metrics, metricsEndpoint } =
    parts;
  const useDevInbox = mailRoute.kind === "inbox";
  const url = `${config.tls === undefined ? "http" : "https"}://${urlHost(config.listen.host)}:${bound.port}`;
  const keyring = await loadKeyring(config, store, sources);
  const environments = new EnvironmentFactory({
    ...sources,
    identifiers: new IdentifierFactory(sources.nowMs, sources.randomBytes),
    keyring,
    policy: policyOf(config, config.publicUrl ?? url),
    codeAlphabet: config.codeAlphabet,
    codeLength: config.codeLength,
    recordsClientAddress: config.eventClientAddress,
  });
  const tokenFile = join(config.dataDir, "admin.token");
  const admin = await bootstrap({
    store,
    environments,
    randomBytes: sources.randomBytes,
    adminToken: config.adminToken?.reveal(),
    tokenFile,
  });

  const inbox = new Inbox({ store, keyring, logger, ...sources });
  const gateway = new MailThread({
    route: mailRoute,
    composer,
    keep: (mail) => inbox.keep(mail),
    logger,
  });
  if (!useDevInbox && config.publicUrl === undefined) {
    logger.warn(
      `links in mails lead to ${url}: set COUNTERSIGN_PUBLIC_URL to where people reach this service`,
    );
  }
  const dispatcher = new Dispatcher({ store, environments, keyring, gateway, logger, metrics });

  const readiness = new Readiness({ store, hasKey: () => fitsKeyring(store, keyring) });
  const callLog = new CallLog({ logger, metrics });
  const jwt = acceptJwts(parts);
  const tokenUses = new TokenUses({ store, logger });
  const accessTokens = new PersonalAccessTokens({ store, nowMs: sources.nowMs, uses: tokenUses });
  const authenticator = new Authenticator(store, accessTokens, jwt?.callers);
  const chain = new Chain({ authenticator, callLog });
  const services = createServices({
    store,
    environments,
    keyring,
    sendLimitWatch: new SendLimitWatch({ logger, metrics }),
    readBounceReport,
    inbox: useDevInbox ? inbox : undefined,
    randomBytes: sources.randomBytes,
    tokenUses,
  });
  const logos = new Logos({
    lookup: createGuardedLookup({ allowPrivate: false, loopbackOnly: false }),
    onFailure: (logoUrl, problem) => logger.info({ host: new URL(logoUrl).host, problem }, "no logo came"),
  });
  const handler = new ApiHandler({
    chain,
    services,
    extraRoutes: (router) => addInfrastructure(router, services.services, readiness),
    pages: pagesOf(parts, {
      environments,
      accessTokens,
      inbox,
      readiness,
      services,
      logos,
      adminId: admin.serviceAccountId,
    }),
    callLog,
    logger,
    corsOrigins:
      config.corsOrigins ?? (useDevInbox && listensOnLoopback(config.listen.host) ? "loopback" : []),
    trustedProxies: config.trustedProxies,
    messageTimeoutMs: parts.limits.answerTimeoutMs,
    directUnary: config.directUnary,
  });
  listener.serve(handler);
  dispatcher.start();
  tokenUses.start();
  const housekeeping = new Housekeeping({
    store,
    retention: {
      deliveriesMs: config.deliveryRetentionMs,
      eventsMs: config.eventRetentionMs,
      eraseAfterMs: config.eraseAfterMs,
    },
    ...sources,
    logger,
  });
  housekeeping.start();
  if (useDevInbox) {
    store.committed(({ erasedMails }) => {
      if (erasedMails !== true) return;
      inbox
        .dropRemoved()
        .catch((error: unknown) =>
          logger.warn({ err: error }, "the dev inbox shows mails that were removed"),
        );
    });
  }

  let stopping: Promise<void> | undefined;
  async function stop() {
    readiness.stop();
    handler.endWatches();
    inbox.close();
    logos.close();
    housekeeping.stop();
    // One grace for both: nothing that a call does waits for a mail.
    await Promise.all([
      listener.close(config.shutdownGraceMs, () => handler.endStreams()),
      dispatcher.stop(config.shutdownGraceMs),
    ]);
    await gateway.close();
    await tokenUses.stop();
    await jwt?.keys.close();
    await metricsEndpoint?.close();
    await store.close();
  }
  return {
    url,
    adminTokenPath: config.adminToken === undefined ? tokenFile : undefined,
    databasePath: config.databasePath,
    mailDescription: gateway.description,
    inboxUrl: useDevInbox ? `${url}/inbox` : undefined,
    metricsUrl: metricsEndpoint?.url,
    async reloadCertificate() {
      if (config.tls !== undefined) {
        await reloadCertificate(config.tls, (certificate) => listener.useCertificate(certificate), logger);
      }
    },
    stop: () => (stopping ??= stop()),
    failed: store.failed,
  };
}

/** The issuer's keys are fetched from here on; nothing waits for them. */
function acceptJwts({ config: { jwt, urlTemplateHosts }, logger, sources: { nowMs }, store }: Parts) {
  if (jwt === undefined) return undefined;
  if (urlTemplateHosts === undefined) {
    logger.warn(
      "people with JWTs may have links to hosts of their own mailed to others: set COUNTERSIGN_URL_TEMPLATE_HOSTS",
    );
  }
  const { issuer, audiences, jwksUrl } = jwt;
  const keys = new IssuerKeys({ url: jwksUrl.reveal(), nowMs, logger });
  keys.start();
  const verifier = new JwtVerifier({ issuer, audiences, keys, nowMs, logger });
  return { keys, callers: new JwtCallers(store, verifier) };
}

/** The settings were checked; but files may change while a process starts. */
async function loadCertificate(files: TlsFiles, logger: Logger): Promise<Certificate> {
  try {
    const certificate = await readCertificate(files);
    warnOutOfDate(certificate, logger);
    return certificate;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot serve TLS with ${files.certificateFile}: ${problem}`, { cause: error });
  }
}

/**
 * Where mail goes. Without a relay or provider it goes to the dev inbox, which shows codes: on its own only where nobody
 * else can look.
 *
 * @throws StartError where mail has nowhere to go
 */
export function chooseMailRoute({ devInbox, smtpServers, mailWebhook, listen }: Config): MailRoute {
  const elsewhere =
    smtpServers.length > 0 ? "SMTP_URL" : mailWebhook === undefined ? undefined : "MAIL_WEBHOOK_URL";
  if (devInbox === true && elsewhere !== undefined) {
    throw new StartError(
      `COUNTERSIGN_DEV_INBOX=on and COUNTERSIGN_${elsewhere} are both set: mail goes to one of them, unset the other`,
    );
  }
  if (mailWebhook !== undefined) return webhookRoute(mailWebhook);
  if (elsewhere !== undefined) return smtpRoute(smtpServers);
  if (devInbox ?? listensOnLoopback(listen.host)) return { kind: "inbox" };
  throw new StartError(
    devInbox === false
      ? "mail has nowhere to go: COUNTERSIGN_DEV_INBOX is off; set COUNTERSIGN_SMTP_URL, for example smtp://user:pass@mail.example.com:587"
      : `mail has nowhere to go: the dev inbox is for loopback only and COUNTERSIGN_LISTEN is ${listen.host}:${listen.port}; ` +
          "set COUNTERSIGN_SMTP_URL, or COUNTERSIGN_DEV_INBOX=on to keep mails in an inbox behind the admin token",
  );
}

function smtpRoute(servers: Config["smtpServers"]): MailRoute {
  const relays = servers.map(({ password, ...server }) => ({
    ...server,
    ...(password !== undefined && { password: password.reveal() }),
  }));
  return { kind: "smtp", relays };
}

function webhookRoute({ url, secrets, allowPrivate }: NonNullable<Config["mailWebhook"]>): MailRoute {
  const endpoint = { url: url.reveal(), secrets: secrets.map((secret) => secret.reveal()), allowPrivate };
  const problem = endpointProblem(endpoint);
  if (problem !== undefined) throw new StartError(`COUNTERSIGN_MAIL_WEBHOOK_URL cannot be used: ${problem}`);
  return { kind: "webhook", endpoint };
}

/** The texts and looks of mails, with what the operator has replaced. @throws StartError naming every problem */
async function loadComposer(config: Config): Promise<ComposerOptions> {
  const { mailFrom: from, mailTemplates: folder, defaultLanguage, mailLink } = config;
  const codeOnly = !mailLink;
  const loaded = await loadMailOverrides({ folder, defaultLanguage, codeOnly });
  if (!loaded.ok) throw new StartError(loaded.problems.join("\n"));
  return { from, defaultLanguage, overrides: loaded.overrides, codeOnly };
}

async function openStore(config: Config, meter: Metrics): Promise<Store> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  await mkdir(dirname(config.databasePath), { recursive: true, mode: 0o700 });
  try {
    return await SqliteStore.open({ path: config.databasePath, meter });
  } catch (error) {
    if (error instanceof LockedError) {
      throw new StartError(
        `${config.databasePath} is in use by another running Countersign: stop that one, or set COUNTERSIGN_DATA_DIR to another directory`,
        { cause: error },
      );
    }
    const problem = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the database ${config.databasePath}: ${problem}`, { cause: error });
  }
}

/** @throws StartError where the address cannot be used */
async function openMetrics(
  { metricsListen }: Config,
  metrics: Metrics,
): Promise<MetricsEndpoint | undefined> {
  if (metricsListen === undefined) return undefined;
  const { host, port } = metricsListen;
  try {
    metrics.watchProcess();
    const listener = await serveMetrics(metrics, host, port);
    return { url: `http://${urlHost(host)}:${listener.port}/metrics`, close: () => listener.close() };
  } catch (error) {
    const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    throw new StartError(
      `COUNTERSIGN_METRICS_LISTEN=${address} cannot be used: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

async function sampleStore(store: Store, { nowMs }: Sources): Promise<StoreSample> {
  const [{ waitingWrites, pendingDeliveries }, dueMs] = await Promise.all([
    store.figures(),
    store.nextDeliveryDueMs(),
  ]);
  const overdueMs = dueMs === undefined ? 0 : Math.max(0, nowMs() - dueMs);
  return { waitingWrites, outboxRows: pendingDeliveries, oldestDueSeconds: overdueMs / 1_000 };
}

async function loadKeyring(config: Config, store: Store, sources: Sources): Promise<Keyring> {
  const path = join(config.dataDir, "secret.key");
  const configured = config.secretKeys?.map((secret) => secret.reveal());
  const secrets = configured ?? (await readKeyFile(path)) ?? (await makeFirstKey(path, store, sources));
  const source = configured === undefined ? path : "COUNTERSIGN_SECRET_KEY";
  let keyring: Keyring;
  try {
    keyring = new Keyring(secrets, sources.randomBytes);
  } catch (error) {
    throw new StartError(`${source} holds no usable key: ${String(error)}`, { cause: error });
  }
  if (!(await adoptKeyring(store, keyring))) {
    throw new StartError(
      `${source} does not hold the key that ${config.databasePath} was written with: restore that key; codes on their way cannot be read without it`,
    );
  }
  return keyring;
}

async function makeFirstKey(path: string, store: Store, sources: Sources): Promise<Buffer[]> {
  if ((await storedKeyId(store)) !== undefined) {
    throw new StartError(
      `${path} is missing, and the database was written with its key: restore the file from the backup`,
    );
  }
  return makeKeyFile(path, sources.randomBytes);
}

function policyOf(config: Config, publicUrl: string): Policy {
  return {
    codeTtlMs: config.codeTtlMs,
    maxAttemptsPerClient: config.codeMaxAttempts,
    maxAttemptsPerCode: config.codeMaxAttempts * ATTEMPTS_IN_ALL_FACTOR,
    maxFailuresPerDay: config.maxFailuresPerDay,
    liveCodes: config.liveCodes,
    ...sendLimitsOf(config),
    addressChangeNotice: config.addressChangeNotice,
    defaultUrlTemplate: `${publicUrl}/verify?code={{.Code}}&orgId={{.OrgID}}&userId={{.UserID}}`,
    links: { allowedHosts: config.urlTemplateHosts },
  };
}

/** Absent where none is set: decisions then look at none. */
function sendLimitsOf(config: Config): Pick<Policy, "sends"> {
  const sends: SendLimits = {
    mode: config.limits,
    cooldownMs: config.sendCooldownMs,
    perAddress: config.sendsPerHour,
    perUser: config.userSendsPerHour,
    perPrincipal: config.principalSendsPerHour,
    perClient: config.clientSendsPerHour,
  };
  const { mode: _mode, ...limits } = sends;
  return Object.values(limits).some((limit) => limit > 0) ? { sends } : {};
}

interface PageParts {
  readonly environments: EnvironmentFactory;
  readonly accessTokens: PersonalAccessTokens;
  readonly inbox: Inbox;
  readonly readiness: Readiness;
  readonly services: ServiceTable;
  readonly logos: Logos;
  /** The account whose token opens an inbox that is not on loopback. */
  readonly adminId: string;
}

function pagesOf(
  parts: Parts,
  { environments, accessTokens, inbox, readiness, services, logos, adminId }: PageParts,
): ReadonlyMap<string, Page> {
  const { config, mailRoute, sources } = parts;
  const pages = new Map<string, Page>();
  pages.set("/healthz", createHealthzPage());
  pages.set("/readyz", createReadyzPage(readiness));
  pages.set("/openapi.json", createOpenApiPage(services.services, packageVersion()));
  for (const [path, page] of createVerifyPages(verifyPageOptions(parts, environments, logos)))
    pages.set(path, page);
  if (mailRoute.kind === "inbox") {
    const isAdminToken = async (tokenHash: string) =>
      (await accessTokens.findCallerByHash(tokenHash))?.userId === adminId;
    const isSecure = config.tls !== undefined || config.publicUrl?.startsWith("https:") === true;
    const inboxPages = createInboxPages({
      inbox,
      ...(!listensOnLoopback(config.listen.host) && { signIn: { ...sources, isAdminToken, isSecure } }),
    });
    for (const [path, page] of inboxPages) pages.set(path, page);
  }
  return pages;
}

function verifyPageOptions(
  { config, logger, store }: Parts,
  environments: EnvironmentFactory,
  logos: Logos,
): VerifyPageOptions {
  const languages = new LanguageChoice(PAGE_LOCALES.keys());
  return {
    async verify(userId, code, clientAddress, requestId) {
      const candidates = environments.candidateMacs(userId, code);
      const client = `address:${clientAddress}`;
      try {
        const origin = { clientAddress, ...(requestId !== undefined && { requestId }) };
        const env = environments.plain({ kind: "anonymous" }, origin);
        await store.execute({ type: "email.verify", userId, candidates, client }, env);
        return "verified";
      } catch (error) {
        if (error instanceof FailureError && error.failure.name === "CODE_INVALID") return "refused";
        logger.warn({ err: error }, "the verification page could not verify");
        return "unavailable";
      }
    },
    chooseLanguage: (header) =>
      languages.lookUp([...parseAcceptLanguage(header), config.defaultLanguage]) ?? "en",
    async brandingOf(organizationId) {
      const { settings } = (await store.findOrganization(organizationId)) ?? {};
      const { displayName = "", color = "", logoUrl = "" } = settings ?? {};
      const logo = logoUrl === "" ? undefined : logos.find(logoUrl);
      return {
        ...(displayName !== "" && { name: displayName }),
        ...(color !== "" && { accentColor: color }),
        ...(logo !== undefined && { logo }),
      };
    },
    redirectHosts: config.verifyRedirectHosts,
    onScriptMissing: (error) => logger.warn({ err: error }, "the verification page goes without its script"),
  };
}

/** By the address that is bound: a wildcard is reached under loopback names too, and from everywhere else. */
function listensOnLoopback(host: string): boolean {
  return isLoopback(host.includes(":") ? `[${host}]` : host);
}

/** A host as URLs spell it: IPv6 in brackets, and a wildcard as the name that reaches it from here. */
function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
