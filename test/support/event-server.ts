// UserService, EventService and VerificationService on a port of their own, with the store at hand: accounts are added and tokens revoked there.
import { randomBytes } from "node:crypto";
import pino from "pino";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { Authenticator } from "../../src/access/authenticator.ts";
import { PersonalAccessTokens } from "../../src/access/personal-access-tokens.ts";
import { hashToken } from "../../src/access/token.ts";
import { Metrics } from "../../src/observability/metrics.ts";
import { CallLog } from "../../src/rpc/call-log.ts";
import { Chain } from "../../src/rpc/chain.ts";
import { createEventService, type EventServiceOptions } from "../../src/rpc/event-service.ts";
import { ServiceTable } from "../../src/rpc/service-table.ts";
import { createUserService } from "../../src/rpc/user-service.ts";
import {
  createVerificationService,
  type VerificationServiceOptions,
} from "../../src/rpc/verification-service.ts";
import { ApiHandler } from "../../src/transport/api-handler.ts";
import { Listener } from "../../src/transport/listener.ts";
import { ORGANIZATION, World } from "../contract/world.ts";
import { openTestStore } from "./test-store.ts";

export interface EventServer {
  readonly url: string;
  readonly port: number;
  readonly world: World;
  /** Lines of the log at level info, as JSON text. */
  readonly log: readonly string[];
  /** @returns a token of a new account with that role: for all organizations, or for the one that is named */
  addAccount(
    role: string,
    organizationId?: string,
  ): Promise<{ readonly accountId: string; readonly token: string }>;
  /** No call with the account's token gets in any more. */
  revoke(accountId: string): Promise<void>;
  stop(graceMs?: number): Promise<void>;
}

export interface EventServerOptions
  extends
    Pick<EventServiceOptions, "heartbeatMs" | "watchLimits">,
    Pick<VerificationServiceOptions, "emailWatchMs" | "emailWatchLimits"> {
  /** Milliseconds in which a client has to take a message. */
  readonly messageTimeoutMs?: number;
}

export async function startEventServer(options: EventServerOptions = {}): Promise<EventServer> {
  const { store, dispose } = await openTestStore();
  const world = new World(store);
  await world.addOrganization();
  const log: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(line) });
  const callLog = new CallLog({ logger, metrics: new Metrics() });
  const accessTokens = new PersonalAccessTokens({ store, nowMs: () => world.nowMs });
  const { environments, keyring } = world;
  const services = new ServiceTable()
    .add(UserService, createUserService({ store, environments }))
    .add(EventService, createEventService({ store, environments, keyring, ...options }))
    .add(VerificationService, createVerificationService({ store, environments, ...options }));
  const authenticator = new Authenticator(store, accessTokens);
  const handler = new ApiHandler({
    chain: new Chain({ authenticator, callLog, services: services.services }),
    services,
    extraRoutes: () => {},
    pages: new Map(),
    callLog,
    logger,
    corsOrigins: [],
    messageTimeoutMs: options.messageTimeoutMs,
    directUnary: process.env["COUNTERSIGN_DIRECT_UNARY"] !== "off",
  });
  const { messageTimeoutMs: answerTimeoutMs } = options;
  const limits = answerTimeoutMs === undefined ? {} : { answerTimeoutMs, checkIntervalMs: 200 };
  const listener = new Listener({ limits });
  const { port } = await listener.listen("127.0.0.1", 0);
  listener.serve(handler);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    world,
    log,
    async addAccount(role, organizationId) {
      const accountId = `account-${randomBytes(6).toString("hex")}`;
      const roles = [{ role, ...(organizationId !== undefined && { organizationId }) }];
      const owner = organizationId ?? ORGANIZATION;
      const add = { type: "serviceAccount.add", serviceAccountId: accountId, organizationId: owner } as const;
      await store.execute({ ...add, username: accountId, roles }, world.plain());
      const token = `cs_${randomBytes(32).toString("base64url")}`;
      await world.setToken(`token-of-${accountId}`, accountId, hashToken(token));
      return { accountId, token };
    },
    async revoke(accountId) {
      const revoke = {
        type: "accessToken.revoke",
        serviceAccountId: accountId,
        tokenId: `token-of-${accountId}`,
      } as const;
      await store.execute(revoke, world.plain());
    },
    async stop(graceMs = 1_000) {
      handler.endWatches();
      await listener.close(graceMs, () => handler.endStreams());
      await dispose();
    },
  };
}
