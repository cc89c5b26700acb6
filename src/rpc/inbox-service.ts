/** countersign.v1.InboxService: the dev inbox for programs, which mostly wait for one mail. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs, type Duration, type Timestamp } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { InboxMailSchema, InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import type { InboxFilter, InboxMail, InboxReader, InboxSummary } from "../store/inbox.ts";
import type { Keyring } from "../store/keyring.ts";
import type { Caller } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { organizationsOf } from "./delivery-requests.ts";
import { openPageToken, sealPageToken } from "./page-tokens.ts";
import type { UnaryService } from "./service-table.ts";

export interface InboxServiceOptions {
  /** Absent: mails are sent, there is no inbox to read. */
  readonly inbox?: InboxReader | undefined;
  /** Seals page tokens. */
  readonly keyring: Keyring;
}

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;
const DEFAULT_WAIT_MS = 30_000;
const MAX_WAIT_MS = 60_000;

export function createInboxService({
  inbox,
  keyring,
}: InboxServiceOptions): UnaryService<typeof InboxService> {
  function open(): InboxReader {
    if (inbox === undefined) throw new FailureError(failure("DEV_INBOX_OFF"));
    return inbox;
  }

  /** @throws FailureError INBOX_MAIL_NOT_FOUND for a mail that the caller may not read, too */
  async function findFor(caller: Caller, mailId: string): Promise<InboxMail> {
    const mail = await open().find(mailId);
    const { organizationIds } = readableBy(caller);
    if (mail === undefined || organizationIds?.includes(mail.organizationId) === false) {
      throw new FailureError(failure("INBOX_MAIL_NOT_FOUND"));
    }
    return mail;
  }

  return {
    async listMails({ to, pageSize, pageToken }, { caller }) {
      const filter = { ...readableBy(caller), ...(to !== "" && { to }) };
      const question = ["inbox mails", filter];
      const query = { ...filter, limit: pageSizeOf(pageSize) };
      const { mails, hasMore } = await open().list(
        pageToken === ""
          ? query
          : { ...query, beforeMailId: openPageToken(keyring, question, pageToken) as string },
      );
      return {
        mails: mails.map(wireMail),
        nextPageToken: hasMore ? sealPageToken(keyring, question, mails.at(-1)?.mailId) : "",
      };
    },

    async getMail({ mailId }, { caller }) {
      const { source, ...mail } = await findFor(caller, mailId);
      return { mail: wireMail(mail), source: new Uint8Array(source) };
    },

    async waitForMail({ to, afterMailId, receivedAfter, timeout }, call) {
      const timeoutMs = Math.min(waitOf(timeout), call.timeoutMs ?? MAX_WAIT_MS);
      const signal = call.goneSignal();
      const came = await open()
        .waitFor({
          ...readableBy(call.caller),
          to,
          ...(afterMailId !== "" && { afterMailId }),
          ...(receivedAfter !== undefined && { receivedAfterMs: wholeMs(receivedAfter) }),
          timeoutMs,
          signal,
        })
        .catch((error: unknown) => {
          throw signal.aborted ? endOf(signal) : error;
        });
      if (came === undefined) throw new FailureError(failure("NO_MAIL_CAME"));
      const { source: _source, ...mail } = await findFor(call.caller, came.mailId);
      return { mail: wireMail(mail) };
    },
  };
}

/** The client's deadline, or else the client itself; which number it reset its stream with says nothing about us. */
function endOf({ reason }: AbortSignal): Error {
  return ConnectError.from(reason).code === Code.DeadlineExceeded
    ? new FailureError(failure("DEADLINE_EXCEEDED"))
    : new ConnectError("the client went away", Code.Canceled);
}

/** A mail shows its code: who may have a code returned may read it. */
function readableBy(caller: Caller): Pick<InboxFilter, "organizationIds"> {
  const organizationIds = organizationsOf(caller, "user.write");
  return organizationIds === undefined ? {} : { organizationIds };
}

/** @throws FailureError REQUEST_INVALID */
function pageSizeOf(pageSize: number): number {
  if (pageSize >= 0 && pageSize <= MAX_PAGE_SIZE) return pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize;
  throw invalid("page_size", `value must be between 1 and ${MAX_PAGE_SIZE}, or 0 for ${DEFAULT_PAGE_SIZE}`);
}

/** @throws FailureError REQUEST_INVALID */
function waitOf(timeout: Duration | undefined): number {
  if (timeout === undefined) return DEFAULT_WAIT_MS;
  const waitMs = durationMs(timeout);
  if (waitMs >= 0 && waitMs <= MAX_WAIT_MS) return waitMs;
  throw invalid("timeout", `value must be between 0s and ${MAX_WAIT_MS / 1_000}s`);
}

function invalid(field: string, description: string): FailureError {
  const fields = [{ field, description }];
  return new FailureError(failure("REQUEST_INVALID", { text: `invalid ${field}: ${description}`, fields }));
}

/** Mails have times in whole milliseconds: what is later than the time is later than its millisecond's beginning. */
function wholeMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
}

function wireMail({ receivedAtMs, ...fields }: InboxSummary): MessageInitShape<typeof InboxMailSchema> {
  return { ...fields, receiveTime: timestampFromMs(receivedAtMs) };
}
