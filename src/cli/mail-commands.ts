/** `countersign mail list`, `show`, `retry`, `cancel` and `test`. */
import { setTimeout as delay } from "node:timers/promises";
import { toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { DeliverySchema, DeliveryState, type Delivery, type DeliveryQuery } from "../client/contract.ts";
import type { CountersignClient } from "../client/node-client.ts";
import { EXIT_FAILED, EXIT_NOT_FOUND, EXIT_OK } from "./exit-codes.ts";
import type { DeliveryStateName } from "./delivery-states.ts";
import { deliveryState, renderDeliveries, renderDelivery, stateName } from "./mail-report.ts";
import { CommandError, withService } from "./service.ts";
import type { ServiceFlags } from "./service-options.ts";
import { writeJson } from "./write-json.ts";

/** Of `mail list`. */
export interface ListFlags extends ServiceFlags {
  readonly to?: string;
  readonly user?: string;
  readonly state?: readonly DeliveryStateName[];
  readonly since?: Date;
  readonly before?: Date;
  readonly organization?: string;
  readonly limit: number;
}

/** Of `mail test`. */
export interface TestFlags extends ServiceFlags {
  readonly organization?: string;
  readonly allowSuppressed?: true;
  /** How long to wait for the first attempt, in milliseconds; 0: not at all. */
  readonly waitMs: number;
}

/** The service's own limit. */
const MAX_PAGE_SIZE = 1_000;
const LOOK_MS = 200;

/** @returns the exit code: 0 */
export function listMails(flags: ListFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { deliveries, hasMore } = await list(client, queryOf(flags), flags.limit);
    if (flags.json === true) {
      writeJson({ deliveries: deliveries.map((delivery) => toJson(DeliverySchema, delivery)) });
    } else if (deliveries.length > 0) {
      process.stdout.write(renderDeliveries(deliveries, process.stdout.columns));
    } else {
      process.stderr.write("no mail passes the filters\n");
    }
    if (hasMore) process.stderr.write(`note: there are more: --limit ${flags.limit} ended the list\n`);
    return EXIT_OK;
  });
}

function queryOf({ to, user, state, since, before, organization }: ListFlags): DeliveryQuery {
  return {
    ...(to !== undefined && { recipient: to }),
    ...(user !== undefined && { userId: user }),
    ...(state !== undefined && { states: state.map(deliveryState) }),
    ...(since !== undefined && { queuedFrom: timestampFromDate(since) }),
    ...(before !== undefined && { queuedBefore: timestampFromDate(before) }),
    ...(organization !== undefined && { organizationId: organization }),
  };
}

async function list(
  client: CountersignClient,
  query: DeliveryQuery,
  limit: number,
): Promise<{ deliveries: readonly Delivery[]; hasMore: boolean }> {
  const found: Delivery[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(limit - found.length, MAX_PAGE_SIZE);
    const page = await client.deliveries.listDeliveries({ ...query, pageSize, pageToken });
    found.push(...page.deliveries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  return { deliveries: found, hasMore: pageToken !== "" };
}

/** @returns the exit code: 0, 4 when there is no such mail */
export function showMail(which: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    write(await find(client, await idOf(client, which)), flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 1 when it came to an end or its code is no longer valid, 4 when there is no such mail */
export function retryMail(id: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { delivery } = await client.deliveries.retryDelivery({ deliveryId: withoutBrackets(id) });
    write(delivery, flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 1 when it came to another end or that is still open, 4 when there is no such mail */
export function cancelMail(id: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { delivery } = await client.deliveries.cancelDelivery({ deliveryId: withoutBrackets(id) });
    write(delivery, flags);
    return delivery?.state === DeliveryState.CANCELLED ? EXIT_OK : EXIT_FAILED;
  });
}

/** @returns the exit code: 0 when it was sent (or not waited for), 1 when it was not */
export function sendTestMail(address: string, flags: TestFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { organization, allowSuppressed, waitMs } = flags;
    const headers = allowSuppressed === true ? { "countersign-allow-suppressed": "true" } : undefined;
    const { delivery } = await client.deliveries.sendTestMail(
      { recipient: address, ...(organization !== undefined && { organizationId: organization }) },
      headers === undefined ? undefined : { headers },
    );
    if (delivery === undefined || waitMs === 0) {
      write(delivery, flags);
      return EXIT_OK;
    }
    const tried = await afterFirstAttempt(client, delivery, waitMs);
    write(tried, flags);
    if (tried.state === DeliveryState.SENT) return EXIT_OK;
    throw new CommandError(whyNotSent(tried));
  });
}

function whyNotSent({ deliveryId, state, attemptCount }: Delivery): string {
  const goesOn = `\`countersign mail show ${deliveryId}\` tells how it goes on`;
  if (isUnderWay(state)) return `not sent yet: no attempt came to its end in time; ${goesOn}`;
  if (state !== DeliveryState.RETRYING) return `not sent: the mail is ${stateName(state)}`;
  return `not sent yet: attempt ${attemptCount} failed for now; ${goesOn}`;
}

async function afterFirstAttempt(
  client: CountersignClient,
  delivery: Delivery,
  waitMs: number,
): Promise<Delivery> {
  const endMs = performance.now() + waitMs;
  let seen = delivery;
  while (isUnderWay(seen.state) && performance.now() < endMs) {
    await delay(LOOK_MS);
    seen = await find(client, delivery.deliveryId);
  }
  return seen;
}

function isUnderWay(state: DeliveryState): boolean {
  return state === DeliveryState.QUEUED || state === DeliveryState.SENDING;
}

async function find(client: CountersignClient, deliveryId: string): Promise<Delivery> {
  const { delivery } = await client.deliveries.getDelivery({ deliveryId });
  if (delivery === undefined) throw new CommandError("there is no such mail", EXIT_NOT_FOUND);
  return delivery;
}

async function idOf(client: CountersignClient, which: string): Promise<string> {
  const id = withoutBrackets(which);
  if (!id.includes("@")) return id;
  const { deliveries } = await list(client, { recipient: id }, 1);
  const [newest] = deliveries;
  if (newest !== undefined) return newest.deliveryId;
  throw new CommandError("there is no mail to that address", EXIT_NOT_FOUND);
}

/** What stands before the @ of a Message-ID is the mail's id. */
function withoutBrackets(id: string): string {
  return /^<([^@>]*)(?:@[^>]*)?>$/.exec(id)?.[1] ?? id;
}

function write(delivery: Delivery | undefined, { json }: ServiceFlags): void {
  if (delivery === undefined) return;
  if (json === true) writeJson(toJson(DeliverySchema, delivery));
  else process.stdout.write(renderDelivery(delivery, new Date()));
}
