/**
 * Adds the user of one row, and finds out what an answer means for the row.
 *
 *     added        the user is there now
 *     already      this user was there before, as the row has it: by an earlier run, most likely
 *     rejected     the service refuses the row, and always will
 *     stop         the service refuses this and any other row, or is not there: the import cannot go on
 *     undone       waited in vain until the import was to end
 *
 * The row's user id makes that safe to send again: a second AddHumanUser with the same id is refused as such, whatever
 * became of the first one. So all that may pass is tried again: refusals with RetryInfo after the time that it names,
 * calls without an answer after a time that grows.
 */
import { callFailure, type CallFailure } from "../../client/call-failure.ts";
import type { CountersignClient } from "../../client/node-client.ts";
import { refusedForNow, spread, wait } from "../../client/retry.ts";
import { explain } from "../service.ts";
import type { ColumnName, NewRowUser } from "./columns.ts";
import type { RowFault } from "./input-rows.ts";

export type RowOutcome =
  | { readonly kind: "added" | "already" | "undone" }
  | { readonly kind: "rejected"; readonly faults: readonly RowFault[] }
  | { readonly kind: "stop"; readonly reason: string };

export interface AddRowContext {
  readonly client: CountersignClient;
  readonly url: string;
  /** Aborted when the import is to end: nothing is waited for any more. */
  readonly ending: AbortSignal;
  /** How long the service may carry out nothing before the import stops, in milliseconds. */
  readonly patienceMs: number;
  /** When the service last carried out a call, by performance.now(). Shared by all rows. */
  readonly pulse: { lastMs: number };
}

/** Longer waits belong to limits, not to a service that is busy. */
const MAX_WAIT_MS = 60_000;
const FIRST_WAIT_MS = 200;
const LONGEST_BACK_OFF_MS = 5_000;
/** Tries of a row at which the service itself fails. */
const MAX_FAULTS = 3;

/** Refusals of this row alone, however long they last. */
const LIMITS_OF_ROW = new Set(["SEND_COOLDOWN", "ADDRESS_SENDS_EXHAUSTED", "USER_SENDS_EXHAUSTED"]);

/** @param organization as the row itself names it; "" for none */
export async function addRow(
  user: NewRowUser,
  organization: string,
  context: AddRowContext,
): Promise<RowOutcome> {
  const { client, pulse, ending, patienceMs, url } = context;
  for (let attempt = 1; ; attempt++) {
    let failure: CallFailure;
    try {
      await client.users.addHumanUser(user);
      pulse.lastMs = performance.now();
      return { kind: "added" };
    } catch (error) {
      failure = callFailure(error);
    }
    try {
      if (failure.reason === "USER_ALREADY_EXISTS") {
        const outcome = await compareWithPresent(user, client);
        pulse.lastMs = performance.now();
        return outcome;
      }
    } catch (error) {
      failure = callFailure(error);
    }
    const delayMs = delayOf(failure, attempt);
    if (delayMs === undefined) {
      const outcome = verdict(failure, organization, url);
      if (outcome.kind === "rejected") pulse.lastMs = performance.now();
      return outcome;
    }
    if (ending.aborted) return { kind: "undone" };
    if (performance.now() - pulse.lastMs > patienceMs) return { kind: "stop", reason: explain(failure, url) };
    if (!(await wait(delayMs, ending))) return { kind: "undone" };
  }
}

/** @returns milliseconds to wait before the next try; undefined when there is to be none */
function delayOf(failure: CallFailure, attempt: number): number | undefined {
  const askedMs = refusedForNow(failure);
  if (askedMs !== undefined) return askedMs <= MAX_WAIT_MS ? spread(askedMs, 1) : undefined;
  const backOffMs = spread(Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_BACK_OFF_MS), 1);
  const { code, reason, network } = failure;
  if (network !== undefined || code === "unavailable" || code === "deadline_exceeded") return backOffMs;
  if (code === "aborted" || code === "canceled") return backOffMs;
  if (code !== "internal" && code !== "unknown") return undefined;
  // Without a reason it was the connection that failed.
  return reason === undefined || attempt < MAX_FAULTS ? backOffMs : undefined;
}

function verdict(failure: CallFailure, organization: string, url: string): RowOutcome {
  const { code, reason, message, retryAfterMs, requestId } = failure;
  const stop: RowOutcome = { kind: "stop", reason: explain(failure, url) };
  switch (code) {
    case "permission_denied":
      // Of an organization that the row names itself, others may be open.
      return organization === "" ? stop : rejected([{ column: "organization", problem: message }]);
    case "resource_exhausted": {
      if (retryAfterMs === undefined || LIMITS_OF_ROW.has(reason ?? "")) return rejected([faultOf(failure)]);
      const minutes = Math.ceil(retryAfterMs / 60_000);
      return {
        kind: "stop",
        reason: `${message}; go on in ${minutes === 1 ? "a minute" : `${minutes} minutes`}`,
      };
    }
    case "invalid_argument":
    case "failed_precondition":
    case "already_exists":
    case "out_of_range":
      return rejected(
        failure.violations.length === 0
          ? [faultOf(failure)]
          : failure.violations.map(({ field, description }) => ({
              column: columnOf(field),
              problem: description,
            })),
      );
    case "internal":
    case "unknown":
      return rejected([
        { column: undefined, problem: `the service failed: request ${requestId ?? "unknown"} in its log` },
      ]);
    default:
      return stop;
  }
}

function rejected(faults: readonly RowFault[]): RowOutcome {
  return { kind: "rejected", faults };
}

/** Reasons that belong to a column by their names. */
function faultOf({ reason = "", message }: CallFailure): RowFault {
  if (reason === "USERNAME_TAKEN") {
    return {
      column: "username",
      problem: "is taken: there is a user with this username (without one: this address)",
    };
  }
  const [column] =
    (
      [
        ["given_name", /^GIVEN_NAME/],
        ["family_name", /^FAMILY_NAME/],
        ["username", /^USERNAME/],
        ["email", /^(?:EMAIL|ADDRESS|SEND_)/],
        ["user_id", /^USER_ID/],
      ] as const
    ).find(([, pattern]) => pattern.test(reason)) ?? [];
  return { column, problem: message };
}

/** `profile.given_name` -> `given_name` */
function columnOf(field: string): string {
  const last = field.slice(field.lastIndexOf(".") + 1);
  return last === "preferred_language" ? "language" : last;
}

/** A user with the row's id who is not the row's user: the row would be lost if it counted as done. */
async function compareWithPresent(
  { userId, email, username, profile, organization }: NewRowUser,
  client: CountersignClient,
): Promise<RowOutcome> {
  const { user } = await client.users.getUserByID({ userId });
  const human = user?.type.case === "human" ? user.type.value : undefined;
  const present = human?.profile;
  const organizationId = organization?.org?.case === "orgId" ? organization.org.value : undefined;
  const pairs: readonly (readonly [column: ColumnName, wanted: unknown, found: unknown])[] = [
    ["email", email?.email?.toLowerCase(), human?.email?.email.toLowerCase()],
    ["given_name", profile?.givenName, present?.givenName],
    ["family_name", profile?.familyName, present?.familyName],
    ["username", username?.toLowerCase(), user?.username.toLowerCase()],
    ["nick_name", profile?.nickName, present?.nickName],
    ["display_name", profile?.displayName, present?.displayName],
    ["language", profile?.preferredLanguage?.toLowerCase(), present?.preferredLanguage?.toLowerCase()],
    ["gender", profile?.gender, present?.gender],
    ["organization", organizationId, user?.details?.resourceOwner],
  ];
  const differing = pairs.filter(([, wanted, found]) => wanted !== undefined && wanted !== found);
  if (differing.length === 0) return { kind: "already" };
  const columns = differing.map(([column]) => column).join(", ");
  return rejected([
    { column: "user_id", problem: `is that of a user who is there already with another ${columns}` },
  ]);
}
