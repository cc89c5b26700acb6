/** countersign.v1.DeliveryService: who may see and change which mail; the store does the rest. */
import type { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import type {
  BounceReading,
  BounceReport,
  DeliveryChange,
  DeliveryCursor,
  DeliveryHistory,
} from "../store/deliveries.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Keyring } from "../store/keyring.ts";
import type { Store } from "../store/store.ts";
import { checkPermission, type Caller, type Permission } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { addressKey } from "../verification/suppression.ts";
import type { Call } from "./call.ts";
import { organizationOf } from "./call-organization.ts";
import { wireDelivery, wireHistory, wireSuppression } from "./delivery-replies.ts";
import {
  addressOf,
  deliveryFilterOf,
  organizationsOf,
  pageSizeOf,
  providerReportOf,
} from "./delivery-requests.ts";
import { openPageToken, sealPageToken } from "./page-tokens.ts";
import type { UnaryService } from "./service-table.ts";
import { allowsSuppressed } from "./suppressed-header.ts";

export interface DeliveryServiceOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  /** Seals page tokens. */
  readonly keyring: Keyring;
  /** Reads a delivery status notification, RFC 3464. */
  readonly readBounceReport: (raw: Uint8Array) => BounceReading;
  /** How many test mails leave for an organization within an hour; 0 for no limit. Default 20. */
  readonly testMailsPerHour?: number;
  /** How long CancelDelivery waits for what becomes of a mail that is being sent. Default 3,000. */
  readonly cancelWaitMs?: number;
}

/** A list that takes longer holds up the lists behind it. */
const LIST_TIMEOUT_MS = 5_000;
const TEST_MAIL_TTL_MS = 3_600_000;
const TEST_MAILS_PER_HOUR = 20;

export function createDeliveryService(options: DeliveryServiceOptions): UnaryService<typeof DeliveryService> {
  const { store, environments, keyring, readBounceReport, cancelWaitMs = 3_000 } = options;
  const { testMailsPerHour = TEST_MAILS_PER_HOUR } = options;

  /** @throws FailureError DELIVERY_NOT_FOUND for a mail that the caller may not read, too; PERMISSION_DENIED */
  async function findFor(call: Call, deliveryId: string, permission: Permission): Promise<DeliveryHistory> {
    const history = await store.findDelivery(deliveryId);
    if (history === undefined || !mayRead(call.caller, history.delivery.organizationId)) {
      throw new FailureError(failure("DELIVERY_NOT_FOUND"));
    }
    requirePermission(call.caller, permission, history.delivery.organizationId);
    return history;
  }

  async function change(what: DeliveryChange): Promise<void> {
    await store.changeDelivery(what, environments.nowMs());
  }

  async function shown(deliveryId: string): Promise<ReturnType<typeof wireHistory>> {
    const history = await store.findDelivery(deliveryId);
    if (history === undefined) throw new FailureError(failure("DELIVERY_NOT_FOUND"));
    return wireHistory(history);
  }

  return {
    async listDeliveries(request, call) {
      const organizationIds = askedOrganizations(request.organizationId, call.caller);
      const filter = deliveryFilterOf(request, organizationIds);
      const limit = pageSizeOf(request);
      const question = ["deliveries", filter];
      const after =
        request.pageToken === ""
          ? undefined
          : (openPageToken(keyring, question, request.pageToken) as DeliveryCursor);
      const page = await store.listDeliveries({
        ...filter,
        ...(after !== undefined && { after }),
        limit,
        timeoutMs: LIST_TIMEOUT_MS,
      });
      return {
        deliveries: page.deliveries.map(wireDelivery),
        nextPageToken: page.next === undefined ? "" : sealPageToken(keyring, question, page.next),
      };
    },

    async getDelivery({ deliveryId }, call) {
      return { delivery: wireHistory(await findFor(call, deliveryId, "user.read")) };
    },

    async retryDelivery({ deliveryId }, call) {
      await findFor(call, deliveryId, "user.write");
      await change({ kind: "retry", deliveryId, by: idOf(call.caller) });
      return { delivery: await shown(deliveryId) };
    },

    async cancelDelivery({ deliveryId }, call) {
      await findFor(call, deliveryId, "user.write");
      const cancel: DeliveryChange = { kind: "cancel", deliveryId, by: idOf(call.caller) };
      await change(cancel);
      const state = await stateAfterSending(store, deliveryId, cancelWaitMs);
      // The attempt was quicker: the refusal says how it ended.
      if (state !== "sending" && state !== "cancelled") await change(cancel);
      return { delivery: await shown(deliveryId) };
    },

    async sendTestMail(request, call) {
      const recipient = addressOf(request.recipient);
      const organizationId = await organizationOf(store, request.organizationId, call);
      requirePermission(call.caller, "user.write", organizationId);
      const deliveryId = environments.newDeliveryId();
      await change({
        kind: "test",
        deliveryId,
        organizationId,
        recipient,
        expiresAtMs: environments.nowMs() + TEST_MAIL_TTL_MS,
        allowsSuppressed: allowsSuppressed(call),
        maxPerHour: testMailsPerHour,
      });
      return { delivery: await shown(deliveryId) };
    },

    async reportBounce({ report }, call) {
      const { bounce, recipient } = readReport(report, readBounceReport);
      const { messageId, ...rest } = bounce;
      // What stands before the @ of a mail's Message-ID is its id.
      const deliveryId = messageId.replace(/@[^@]*$/, "");
      const { delivery } = await findFor(call, deliveryId, "user.write");
      if (recipient !== "" && addressKey(recipient) !== addressKey(delivery.recipient)) {
        throw new FailureError(failure("DELIVERY_NOT_FOUND"));
      }
      await change({ kind: "bounce", deliveryId, bounce: rest, by: idOf(call.caller) });
      const { organizationId } = delivery;
      const suppression = await store.findSuppression(organizationId, delivery.recipient);
      return {
        delivery: await shown(deliveryId),
        ...(suppression?.deliveryId === deliveryId && { suppression: wireSuppression(suppression) }),
      };
    },

    async listSuppressions(request, call) {
      const organizationIds = askedOrganizations(request.organizationId, call.caller);
      const filter = {
        ...(organizationIds !== undefined && { organizationIds }),
        ...(request.address !== "" && { address: request.address }),
      };
      const limit = pageSizeOf(request);
      const question = ["suppressions", filter];
      const after =
        request.pageToken === ""
          ? undefined
          : (openPageToken(keyring, question, request.pageToken) as number);
      const page = await store.listSuppressions({
        ...filter,
        ...(after !== undefined && { after }),
        limit,
        timeoutMs: LIST_TIMEOUT_MS,
      });
      return {
        suppressions: page.suppressions.map(wireSuppression),
        nextPageToken: page.next === undefined ? "" : sealPageToken(keyring, question, page.next),
      };
    },

    async removeSuppression({ address, organizationId: named }, call) {
      const organizationId = await organizationOf(store, named, call);
      requirePermission(call.caller, "user.write", organizationId);
      await change({ kind: "unsuppress", organizationId, address });
      return {};
    },
  };
}

function mayRead(caller: Caller, organizationId: string): boolean {
  return organizationsOf(caller, "user.read")?.includes(organizationId) !== false;
}

function requirePermission(caller: Caller, permission: Permission, organizationId: string): void {
  const denied = checkPermission(caller, permission, { organizationId }, "not allowed");
  if (denied !== undefined) throw new FailureError(denied);
}

/** Those that a list is of: the one that is named, else all that the caller may read. */
function askedOrganizations(named: string, caller: Caller): readonly string[] | undefined {
  if (named === "") return organizationsOf(caller, "user.read");
  requirePermission(caller, "user.read", named);
  return [named];
}

function idOf(caller: Caller): string {
  return caller.kind === "principal" ? caller.userId : caller.kind;
}

type Report = Parameters<UnaryService<typeof DeliveryService>["reportBounce"]>[0]["report"];

/** @throws FailureError BOUNCE_REPORT_INVALID, REQUEST_INVALID */
function readReport(
  report: Report,
  readBounceReport: DeliveryServiceOptions["readBounceReport"],
): { readonly bounce: BounceReport; readonly recipient: string } {
  switch (report.case) {
    case "bounce":
      return { bounce: providerReportOf(report.value), recipient: report.value.recipient };
    case "dsn": {
      const reading = readBounceReport(report.value);
      if (reading.ok) return { bounce: reading.report, recipient: "" };
      const text = `The bounce report cannot be used: ${reading.problem}`;
      const fields = [{ field: "dsn", description: reading.problem }];
      throw new FailureError(failure("BOUNCE_REPORT_INVALID", { text, fields }));
    }
    case undefined:
      throw new TypeError("a required oneof is missing after validation");
  }
}

/** The state of a mail once it is no longer being sent, or after the wait. */
async function stateAfterSending(store: Store, deliveryId: string, waitMs: number) {
  const look = async () => (await store.findDelivery(deliveryId))?.delivery.state;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const end = store.committed(() => {
    look().then((state) => {
      if (state !== "sending") resolve();
    }, reject);
  });
  const timer = setTimeout(resolve, waitMs);
  try {
    if ((await look()) === "sending") await promise;
    return await look();
  } finally {
    clearTimeout(timer);
    end();
  }
}
