/**
 * The composition root: from a Config to a running application. Clock and randomness come in here and nowhere else.
 *
 * A start has two halves. First everything is opened that can fail for reasons the operator can change: the texts of
 * mails, the certificate, the port (which answers nothing yet), the database, the metrics. Where a step fails, what was
 * opened before it is closed again. Then the parts are put together, each on those that it knows:
 *
 *     store, key ring, environments
 *       mail:  dispatcher -> mail thread -> out, or dev inbox
 *       calls: listener -> handler -> chain -> services, or pages
 *       housekeeping
 *
 * and the listener begins to answer. A stop goes from the outside in: readiness says no, calls and mails under way share
 * one grace, and the store is closed last.
 *
 * What takes more than a line to make has a file in app/, which nothing but this file imports.
 */
import { join } from "node:path";
import { bootstrap } from "./access/bootstrap.ts";
import { createCallers } from "./app/callers.ts";
import { startHousekeeping } from "./app/housekeeping.ts";
import { listensOnLoopback, urlHost } from "./app/listening-host.ts";
import { loadKeyring } from "./app/load-keyring.ts";
import { loadComposer } from "./app/mail-composer.ts";
import { chooseMailRoute } from "./app/mail-route.ts";
import { createMetrics, openMetrics, type MetricsEndpoint } from "./app/metrics-endpoint.ts";
import { openStore, type OpenStore } from "./app/open-store.ts";
import { createPages } from "./app/pages.ts";
import { policyOf } from "./app/policy.ts";
import type { Sources } from "./app/sources.ts";
import { sampleStore } from "./app/store-sample.ts";
import { loadCertificate } from "./app/tls-certificate.ts";
import type { Config } from "./config.ts";
import { readBounceReport } from "./mail/bounce/bounce-report.ts";
import { Dispatcher } from "./mail/dispatcher.ts";
import { Inbox } from "./mail/inbox/inbox.ts";
import type { MailRoute } from "./mail/mail-route.ts";
import type { ComposerOptions } from "./mail/message.ts";
import { MailThread } from "./mail/thread/mail-thread.ts";
import { createGuardedLookup } from "./mail/webhook/address-guard.ts";
import type { Logger } from "./observability/logger.ts";
import { NO_METERS, type Meters } from "./observability/meters.ts";
import { CallLog } from "./rpc/call-log.ts";
import { Chain } from "./rpc/chain.ts";
import { addInfrastructure } from "./rpc/infrastructure.ts";
import { Readiness } from "./rpc/readiness.ts";
import { SendLimitWatch } from "./rpc/send-limit-watch.ts";
import { createServices } from "./rpc/services.ts";
import { EnvironmentFactory } from "./store/environment-factory.ts";
import { IdentifierFactory } from "./store/identifiers.ts";
import { fitsKeyring } from "./store/key-file.ts";
import { createRandomPool } from "./store/random-pool.ts";
import { ApiHandler } from "./transport/api-handler.ts";
import type { ListenerLimits } from "./transport/limits.ts";
import { Listener, type BoundAddress } from "./transport/listener.ts";
import { PeerConnections } from "./transport/peer-connections.ts";
import { reloadCertificate } from "./transport/tls.ts";
import { Logos } from "./web/verify/logos.ts";

export { chooseMailRoute } from "./app/mail-route.ts";
export { postgresName, postgresServer } from "./app/postgres-server.ts";
export type { Sources } from "./app/sources.ts";

export interface Application {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The file with the admin token; undefined when the operator chose the token. */
  readonly adminTokenPath: string | undefined;
  /** The file, or the URL without its password. */
  readonly databasePath: string;
  readonly databaseKind: "SQLite" | "PostgreSQL";
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
    const peers = new PeerConnections({
      maxPerAddress: config.connectionsPerAddress,
      trustedProxies: config.trustedProxies,
      logger,
    });
    const listener = new Listener({ certificate, limits, peers });
    const bound = await listener.listen(config.listen.host, config.listen.port);
    undo.unshift(() => listener.close(0, () => {}));
    const metrics = await createMetrics(config);
    const meters = metrics ?? NO_METERS;
    const database = await openStore(config, meters);
    undo.unshift(() => database.store.close());
    metrics?.readStoreFrom(() => sampleStore(database.store, sources.nowMs));
    const metricsEndpoint = await openMetrics(config, metrics);
    undo.unshift(() => metricsEndpoint?.close() ?? Promise.resolve());
    const opened = { listener, bound, database, meters, metricsEndpoint };
    return await assemble({ config, logger, sources, limits, mailRoute, composer, ...opened });
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: Sources;
  readonly limits: Partial<ListenerLimits>;
  readonly mailRoute: MailRoute;
  readonly composer: ComposerOptions;
  readonly listener: Listener;
  readonly bound: BoundAddress;
  readonly database: OpenStore;
  readonly meters: Meters;
  readonly metricsEndpoint: MetricsEndpoint | undefined;
}

async function assemble(parts: Parts): Promise<Application> {
  const { config, logger, sources, mailRoute, listener, database, meters, metricsEndpoint } = parts;
  const { store } = database;
  const url = `${config.tls === undefined ? "http" : "https"}://${urlHost(config.listen.host)}:${parts.bound.port}`;
  const keyring = await loadKeyring(config, database, sources);
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
    mayReplaceToken: database.kind === "SQLite" || config.replaceAdminToken,
  });
  if (admin.adminProblem !== undefined) logger.warn(admin.adminProblem);

  const inbox = new Inbox({ store, keyring, logger, ...sources, isShared: !store.hearsEveryCommit });
  const devInbox = mailRoute.kind === "inbox" ? inbox : undefined;
  const gateway = new MailThread({
    route: mailRoute,
    composer: parts.composer,
    keep: (mail) => inbox.keep(mail),
    logger,
  });
  if (devInbox === undefined && config.publicUrl === undefined) {
    logger.warn(
      `links in mails lead to ${url}: set COUNTERSIGN_PUBLIC_URL to where people reach this service`,
    );
  }
  const dispatcher = new Dispatcher({ store, environments, keyring, gateway, logger, metrics: meters });

  const readiness = new Readiness({ store, hasKey: () => fitsKeyring(store, keyring) });
  const callLog = new CallLog({ logger, metrics: meters });
  const callers = await createCallers({ config, logger, sources, store });
  const services = createServices({
    store,
    environments,
    keyring,
    sendLimitWatch: new SendLimitWatch({ logger, metrics: meters }),
    readBounceReport,
    testMailsPerHour: config.testMailsPerHour,
    inbox: devInbox,
    randomBytes: sources.randomBytes,
    tokenUses: callers.tokenUses,
  });
  const logos = new Logos({
    lookup: createGuardedLookup({ allowPrivate: false, loopbackOnly: false }),
    onFailure: (logoUrl, problem) => logger.info({ host: new URL(logoUrl).host, problem }, "no logo came"),
  });
  const handler = new ApiHandler({
    chain: new Chain({ authenticator: callers.authenticator, callLog, services: services.services }),
    services,
    extraRoutes: (router) => addInfrastructure(router, services.services, readiness),
    pages: createPages({
      config,
      logger,
      sources,
      store,
      environments,
      readiness,
      services,
      logos,
      inbox: devInbox,
      accessTokens: callers.accessTokens,
      adminId: admin.serviceAccountId,
    }),
    callLog,
    logger,
    corsOrigins:
      config.corsOrigins ??
      (devInbox !== undefined && listensOnLoopback(config.listen.host) ? "loopback" : []),
    trustedProxies: config.trustedProxies,
    messageTimeoutMs: parts.limits.answerTimeoutMs,
    directUnary: config.directUnary,
  });
  listener.serve(handler);
  dispatcher.start();
  callers.tokenUses.start();
  const stopHousekeeping = startHousekeeping({ config, logger, sources, store, inbox: devInbox });

  let stopping: Promise<void> | undefined;
  async function stop() {
    readiness.stop();
    handler.endWatches();
    inbox.close();
    logos.close();
    stopHousekeeping();
    // One grace for both: nothing that a call does waits for a mail.
    await Promise.all([
      listener.close(config.shutdownGraceMs, () => handler.endStreams()),
      dispatcher.stop(config.shutdownGraceMs),
    ]);
    await gateway.close();
    await callers.close();
    await metricsEndpoint?.close();
    await store.close();
  }
  return {
    url,
    adminTokenPath: config.adminToken === undefined ? tokenFile : undefined,
    databasePath: database.databaseName,
    databaseKind: database.kind,
    mailDescription: gateway.description,
    inboxUrl: devInbox === undefined ? undefined : `${url}/inbox`,
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
