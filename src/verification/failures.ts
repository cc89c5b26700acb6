/**
 * The one catalogue of everything Countersign can refuse.
 *
 * A refusal has a gRPC code, a stable `reason` (google.rpc.ErrorInfo, UPPER_SNAKE), the English text, and - where
 * ZITADEL has one - ZITADEL's id. Clients of old match on the id, new ones on the reason. Several ids may share one
 * reason: ZITADEL's id tells where in its source the error was raised, the reason tells what is wrong.
 *
 * Texts and ids are wire contract: they follow ZITADEL's User Service v2 and never change.
 */

/** gRPC status code names, lower snake case as the Connect protocol spells them. */
export type FailureCode =
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "unauthenticated";

export interface FailureDefinition {
  readonly code: FailureCode;
  readonly reason: string;
  readonly text: string;
  /** ZITADEL's id, absent where ZITADEL has none. */
  readonly id?: string;
  /** For docs/errors.md: what the caller can do about it. */
  readonly remedy: string;
}

export const failureCatalogue = {
  // --- the four e-mail calls -------------------------------------------------------------------------------------
  URL_TEMPLATE_MALFORMED: {
    code: "invalid_argument",
    reason: "URL_TEMPLATE_INVALID",
    id: "DOMAIN-oGh5e",
    text: "URL Template is invalid",
    remedy:
      "Send an absolute https URL whose only placeholders are {{.UserID}}, {{.Code}} and {{.OrgID}}, six at most, none of them in scheme or host.",
  },
  URL_TEMPLATE_UNKNOWN_FIELD: {
    code: "invalid_argument",
    reason: "URL_TEMPLATE_INVALID",
    id: "DOMAIN-ieYa7",
    text: "URL Template is invalid",
    remedy: "Use only the fields UserID, Code and OrgID (case-sensitive).",
  },
  URL_TEMPLATE_HOST_REFUSED: {
    code: "invalid_argument",
    reason: "URL_TEMPLATE_HOST_REFUSED",
    id: "DOMAIN-oGh5e",
    text: "URL Template is invalid",
    remedy:
      "Link to a host, or by an app's scheme, that COUNTERSIGN_URL_TEMPLATE_HOSTS allows; to hosts over https (http only on loopback).",
  },
  URL_TEMPLATE_HOST_REFUSED_HERE: {
    code: "invalid_argument",
    reason: "URL_TEMPLATE_HOST_REFUSED",
    id: "DOMAIN-oGh5e",
    text: "URL Template is invalid",
    remedy:
      "Link to one of the link hosts that the organization is set to (metadata `scope` is `organization`).",
  },
  EMAIL_USER_ID_MISSING: {
    code: "invalid_argument",
    reason: "USER_ID_MISSING",
    id: "COMMAND-0Gzs3",
    text: "Email ID is missing",
    remedy: "Set user_id.",
  },
  EMAIL_NOT_FOUND: {
    code: "not_found",
    reason: "USER_NOT_FOUND",
    id: "COMMAND-ieJ2e",
    text: "Email not found",
    remedy: "Check the user id; deleted users and service accounts have no e-mail address.",
  },
  USER_NOT_INITIALISED: {
    code: "failed_precondition",
    reason: "USER_NOT_INITIALISED",
    id: "COMMAND-uz0Uu",
    text: "User is not yet initialized",
    remedy: "Let the user finish initialization first.",
  },
  EMAIL_EMPTY: {
    code: "invalid_argument",
    reason: "EMAIL_EMPTY",
    id: "EMAIL-spblu",
    text: "Email is empty",
    remedy: "Send an address.",
  },
  EMAIL_INVALID: {
    code: "invalid_argument",
    reason: "EMAIL_INVALID",
    id: "EMAIL-599BI",
    text: "Email is invalid",
    remedy: "Send one RFC 5322 address, such as ada@example.com.",
  },
  EMAIL_HAS_DISPLAY_NAME: {
    code: "invalid_argument",
    reason: "EMAIL_INVALID",
    id: "EMAIL-599GV",
    text: "Email is invalid",
    remedy: "Send the bare address without a display name.",
  },
  EMAIL_NOT_CHANGED: {
    code: "failed_precondition",
    reason: "EMAIL_NOT_CHANGED",
    id: "COMMAND-Uch5e",
    text: "Email not changed",
    remedy: "The address is already stored; use SendEmailCode for another code.",
  },
  NO_CODE_TO_RESEND: {
    code: "failed_precondition",
    reason: "NO_CODE",
    id: "EMAIL-5w5ilin4yt",
    text: "Code is empty",
    remedy: "No code is waiting; use SendEmailCode.",
  },
  CODE_MISSING: {
    code: "invalid_argument",
    reason: "CODE_MISSING",
    id: "COMMAND-Fia4a",
    text: "Code is empty",
    remedy: "Set verification_code.",
  },
  CODE_INVALID: {
    code: "invalid_argument",
    reason: "CODE_INVALID",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy: "Ask the person to compare the code with the newest mail.",
  },
  CODE_EXPIRED: {
    code: "invalid_argument",
    reason: "CODE_EXPIRED",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy: "Send a new code.",
  },
  CODE_SUPERSEDED: {
    code: "invalid_argument",
    reason: "CODE_SUPERSEDED",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy:
      "A newer code took its place, or the address was set or verified since: ask for the code of the newest mail.",
  },
  CODE_ALREADY_USED: {
    code: "invalid_argument",
    reason: "CODE_ALREADY_USED",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy: "The code has verified its address already; send a new one where that is to be done again.",
  },
  NO_CODE: {
    code: "invalid_argument",
    reason: "NO_CODE",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy: "No code is waiting (none was sent, or the address is verified); send a new one.",
  },
  CODE_USED_UP: {
    code: "invalid_argument",
    reason: "CODE_USED_UP",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy:
      "Too many wrong tries, of this client or (metadata `limit` is `code`) of all; send a new code. With RetryInfo, an older code is in the way until then.",
  },
  ADDRESS_USED_UP: {
    code: "invalid_argument",
    reason: "CODE_USED_UP",
    id: "COMMAND-eis9R",
    text: "Code is invalid",
    remedy:
      "Too many wrong tries at this address within a day (metadata `limit` is `address`); no code is taken before the time in RetryInfo.",
  },

  // --- how often codes are sent ----------------------------------------------------------------------------------
  SEND_COOLDOWN: {
    code: "resource_exhausted",
    reason: "SEND_COOLDOWN",
    text: "A code was sent to this address a moment ago",
    remedy: "Wait for the time in RetryInfo; the code that was sent still works.",
  },
  ADDRESS_SENDS_EXHAUSTED: {
    code: "resource_exhausted",
    reason: "ADDRESS_SENDS_EXHAUSTED",
    text: "Too many codes were sent to this address within an hour",
    remedy: "Wait for the time in RetryInfo; the newest code still works as long as it lives.",
  },
  USER_SENDS_EXHAUSTED: {
    code: "resource_exhausted",
    reason: "USER_SENDS_EXHAUSTED",
    text: "Too many codes were sent for this user within an hour",
    remedy: "Wait for the time in RetryInfo; the newest code still works as long as it lives.",
  },
  PRINCIPAL_SENDS_EXHAUSTED: {
    code: "resource_exhausted",
    reason: "PRINCIPAL_SENDS_EXHAUSTED",
    text: "This caller had too many codes sent within an hour",
    remedy:
      "Wait for the time in RetryInfo, or ask the operator for a higher COUNTERSIGN_PRINCIPAL_SENDS_PER_HOUR.",
  },
  TEST_MAILS_EXHAUSTED: {
    code: "resource_exhausted",
    reason: "TEST_MAILS_EXHAUSTED",
    text: "Too many test mails were sent for this organization within an hour",
    remedy:
      "Wait for the time in RetryInfo, or ask the operator for a higher COUNTERSIGN_TEST_MAILS_PER_HOUR.",
  },
  CLIENT_SENDS_EXHAUSTED: {
    code: "resource_exhausted",
    reason: "CLIENT_SENDS_EXHAUSTED",
    text: "Too many codes were asked for from this network address within an hour",
    remedy:
      "Wait for the time in RetryInfo. Behind a proxy, COUNTERSIGN_TRUSTED_PROXIES tells clients apart; a service that calls for all its users counts as one client.",
  },

  // --- creating and changing users -------------------------------------------------------------------------------
  USER_ALREADY_EXISTS: {
    code: "failed_precondition",
    reason: "USER_ALREADY_EXISTS",
    id: "COMMAND-7yiox1isql",
    text: "User already exists",
    remedy: "Choose another user_id, or leave it out.",
  },
  USERNAME_TAKEN: {
    code: "already_exists",
    reason: "USERNAME_TAKEN",
    id: "V3-DKcYh",
    text: "User already exists",
    remedy: "Choose another username; it defaults to the e-mail address.",
  },
  USERNAME_EMPTY: {
    code: "invalid_argument",
    reason: "USERNAME_EMPTY",
    id: "V2-zzad3",
    text: "Argument is invalid",
    remedy: "Send a username with at least one visible character, or leave it out.",
  },
  GIVEN_NAME_EMPTY: {
    code: "invalid_argument",
    reason: "GIVEN_NAME_EMPTY",
    id: "USER-UCej2",
    text: "Given name in profile is empty",
    remedy: "Send a given name with at least one visible character.",
  },
  FAMILY_NAME_EMPTY: {
    code: "invalid_argument",
    reason: "FAMILY_NAME_EMPTY",
    id: "USER-4hB7d",
    text: "Family name in profile is empty",
    remedy: "Send a family name with at least one visible character.",
  },
  USER_INVALID: {
    code: "invalid_argument",
    reason: "USER_INVALID",
    text: "The user cannot be like this",
    remedy:
      "The message and google.rpc.BadRequest name the field; send it without line breaks and other control characters.",
  },
  UPDATE_USER_NOT_FOUND: {
    code: "not_found",
    reason: "USER_NOT_FOUND",
    id: "COMMAND-ugjs0upun6",
    text: "User could not be found",
    remedy: "Check the user id.",
  },
  ORGANIZATION_NOT_FOUND: {
    code: "permission_denied",
    reason: "ORGANIZATION_NOT_FOUND",
    id: "AUTH-Bs7Ds",
    text: "Organisation doesn't exist",
    remedy: "Check the organization id, in the request and in the x-zitadel-orgid header.",
  },
  QUERY_USER_NOT_FOUND: {
    code: "not_found",
    reason: "USER_NOT_FOUND",
    id: "QUERY-Dfbg2",
    text: "User could not be found",
    remedy: "Check the user id.",
  },
  QUERY_TOO_DEEP: {
    code: "invalid_argument",
    reason: "QUERY_TOO_DEEP",
    id: "USER-zsQ97",
    text: "Queries are nested too deeply",
    remedy: "Nest and, or and not queries at most 20 levels deep.",
  },
  QUERY_INVALID: {
    code: "invalid_argument",
    reason: "QUERY_INVALID",
    id: "GRPC-vR9nC",
    text: "List query is invalid",
    remedy: "Set exactly one known query in every SearchQuery.",
  },
  QUERY_LIMIT_EXCEEDED: {
    code: "invalid_argument",
    reason: "QUERY_LIMIT_EXCEEDED",
    id: "QUERY-4M0fs",
    text: "Limit exceeds the maximum",
    remedy: "Ask for at most 1000 users at a time.",
  },

  // --- the life cycle of a user ----------------------------------------------------------------------------------
  LOCK_USER_ID_MISSING: userIdMissing("COMMAND-agz3eczifm"),
  LOCK_USER_NOT_FOUND: userNotFound("COMMAND-450yxuqrh1"),
  LOCK_USER_NOT_ACTIVE: {
    code: "failed_precondition",
    reason: "USER_NOT_ACTIVE",
    id: "COMMAND-lgws8wtsqf",
    text: "User is not active or initial",
    remedy: "Only active users can be locked.",
  },
  UNLOCK_USER_ID_MISSING: userIdMissing("COMMAND-a9ld4xckax"),
  UNLOCK_USER_NOT_FOUND: userNotFound("COMMAND-x377t913pw"),
  UNLOCK_USER_NOT_LOCKED: {
    code: "failed_precondition",
    reason: "USER_NOT_LOCKED",
    id: "COMMAND-olb9vb0oca",
    text: "User is not locked",
    remedy: "Only locked users can be unlocked.",
  },
  DEACTIVATE_USER_ID_MISSING: userIdMissing("COMMAND-78iiirat8y"),
  DEACTIVATE_USER_NOT_FOUND: userNotFound("COMMAND-5gp2p62iin"),
  DEACTIVATE_USER_INITIAL: {
    code: "failed_precondition",
    reason: "USER_NOT_INITIALISED",
    id: "COMMAND-gvx4kct9r2",
    text: "User with state initial can only be deleted not deactivated",
    remedy: "Delete the user instead.",
  },
  DEACTIVATE_USER_INACTIVE: {
    code: "failed_precondition",
    reason: "USER_ALREADY_INACTIVE",
    id: "COMMAND-5gunjw0cd7",
    text: "User already inactive",
    remedy: "Nothing to do.",
  },
  REACTIVATE_USER_ID_MISSING: userIdMissing("COMMAND-0nx1ie38fw"),
  REACTIVATE_USER_NOT_FOUND: userNotFound("COMMAND-9hy5kzbuk6"),
  REACTIVATE_USER_NOT_INACTIVE: {
    code: "failed_precondition",
    reason: "USER_NOT_INACTIVE",
    id: "COMMAND-s5qqcz97hf",
    text: "User is not inactive",
    remedy: "Only deactivated users can be reactivated.",
  },
  DELETE_USER_ID_MISSING: userIdMissing("COMMAND-vaipl7s13l"),
  DELETE_USER_NOT_FOUND: userNotFound("COMMAND-bd4ir1mblj"),

  // --- deliveries ------------------------------------------------------------------------------------------------
  ADDRESS_SUPPRESSED: {
    code: "failed_precondition",
    reason: "ADDRESS_SUPPRESSED",
    text: "The address takes no mail: an earlier mail to it came back, or was called unwanted",
    remedy:
      "Use another address. Where the reason is gone, call RemoveSuppression, or send the header `countersign-allow-suppressed: true` (with `user.write`).",
  },
  DELIVERY_NOT_FOUND: {
    code: "not_found",
    reason: "DELIVERY_NOT_FOUND",
    text: "There is no such delivery",
    remedy:
      "Check the delivery id, or the Message-ID and the recipient of the report; ListDeliveries lists both.",
  },
  DELIVERY_ENDED: {
    code: "failed_precondition",
    reason: "DELIVERY_ENDED",
    text: "The delivery came to an end",
    remedy:
      "The message and the metadata `state` say how it ended. Its code was erased: ResendEmailCode or SendEmailCode mails another one.",
  },
  DELIVERY_STALE: {
    code: "failed_precondition",
    reason: "DELIVERY_STALE",
    text: "The code of the delivery cannot be used any more",
    remedy: "The message says why; ResendEmailCode or SendEmailCode mails another code.",
  },
  SUPPRESSION_NOT_FOUND: {
    code: "not_found",
    reason: "SUPPRESSION_NOT_FOUND",
    text: "The address is not suppressed",
    remedy: "Check the address and the organization; ListSuppressions lists them.",
  },
  BOUNCE_REPORT_INVALID: {
    code: "invalid_argument",
    reason: "BOUNCE_REPORT_INVALID",
    text: "The bounce report cannot be used",
    remedy:
      "The message says what is missing. Send the whole mail of an RFC 3464 report, as it came, or the provider's fields.",
  },

  // --- the dev inbox ---------------------------------------------------------------------------------------------
  DEV_INBOX_OFF: {
    code: "failed_precondition",
    reason: "DEV_INBOX_OFF",
    text: "There is no dev inbox here: mails are sent",
    remedy:
      "Start the service without COUNTERSIGN_SMTP_URL and COUNTERSIGN_MAIL_WEBHOOK_URL, on loopback or with COUNTERSIGN_DEV_INBOX=on. What became of a mail that was sent: GetDelivery.",
  },
  INBOX_MAIL_NOT_FOUND: {
    code: "not_found",
    reason: "INBOX_MAIL_NOT_FOUND",
    text: "There is no such mail in the dev inbox",
    remedy: "Check the mail id; ListMails lists them. Only the newest 500 mails are kept.",
  },
  NO_MAIL_CAME: {
    code: "deadline_exceeded",
    reason: "NO_MAIL_CAME",
    text: "No mail to that address came in time",
    remedy:
      "Check the address, and that after_mail_id and received_after leave something to wait for. ListDeliveries tells what became of mails to an address.",
  },
  STREAM_LIMIT_REACHED: {
    code: "resource_exhausted",
    reason: "STREAM_LIMIT_REACHED",
    text: "Too many streams are open already",
    remedy: "End streams that nobody reads any more, or let one of them serve all readers.",
  },
  EVENT_POSITION_UNKNOWN: {
    code: "failed_precondition",
    reason: "EVENT_POSITION_UNKNOWN",
    text: "The position lies beyond the last event",
    remedy:
      "An older backup was restored since the position was read: read what there is again from a position before it.",
  },
  EVENTS_PRUNED: {
    code: "failed_precondition",
    reason: "EVENTS_PRUNED",
    text: "Events beyond the position were removed, because they were older than events are kept",
    remedy:
      "What was made of the events before may miss some: make it anew from what there is, beginning with position 0 for all events that are left.",
  },
  TOO_MANY_WAITING: {
    code: "resource_exhausted",
    reason: "TOO_MANY_WAITING",
    text: "Too many callers wait for mails already",
    remedy: "Repeat the call after the time in RetryInfo, or wait for fewer mails at a time.",
  },

  // --- organizations, service accounts, tokens -------------------------------------------------------------------
  ORGANIZATION_ALREADY_EXISTS: {
    code: "already_exists",
    reason: "ORGANIZATION_ALREADY_EXISTS",
    text: "Organisation already exists",
    remedy: "Choose another organization id.",
  },
  SERVICE_ACCOUNT_ALREADY_EXISTS: {
    code: "already_exists",
    reason: "SERVICE_ACCOUNT_ALREADY_EXISTS",
    text: "Service account already exists",
    remedy: "Choose another id, and another username: users and service accounts share both.",
  },
  ORGANIZATION_UNKNOWN: {
    code: "not_found",
    reason: "ORGANIZATION_UNKNOWN",
    text: "There is no such organisation",
    remedy: "Check the organization id; ListOrganizations lists them.",
  },
  ORGANIZATION_INVALID: {
    code: "invalid_argument",
    reason: "ORGANIZATION_INVALID",
    text: "The organisation cannot be like this",
    remedy: "The message and google.rpc.BadRequest name the field and what it takes.",
  },
  SERVICE_ACCOUNT_NOT_FOUND: {
    code: "not_found",
    reason: "SERVICE_ACCOUNT_NOT_FOUND",
    text: "There is no such service account",
    remedy: "Check the id of the service account; ListServiceAccounts lists them.",
  },
  SERVICE_ACCOUNT_INVALID: {
    code: "invalid_argument",
    reason: "SERVICE_ACCOUNT_INVALID",
    text: "The service account cannot be like this",
    remedy: "The message and google.rpc.BadRequest name the field and what it takes.",
  },
  SERVICE_ACCOUNT_NOT_ACTIVE: {
    code: "failed_precondition",
    reason: "SERVICE_ACCOUNT_NOT_ACTIVE",
    text: "The service account is not active",
    remedy:
      "Only active service accounts can be deactivated, and get tokens; ReactivateServiceAccount makes it active.",
  },
  SERVICE_ACCOUNT_NOT_INACTIVE: {
    code: "failed_precondition",
    reason: "SERVICE_ACCOUNT_NOT_INACTIVE",
    text: "The service account is not inactive",
    remedy: "Only deactivated service accounts can be reactivated.",
  },
  SERVICE_ACCOUNT_IS_CALLER: {
    code: "failed_precondition",
    reason: "SERVICE_ACCOUNT_IS_CALLER",
    text: "A service account cannot change its own roles, or end itself",
    remedy: "Have another account do it, so that one is left that can undo it.",
  },
  LAST_OWNER: {
    code: "failed_precondition",
    reason: "LAST_OWNER",
    text: "The account is the last active owner",
    remedy:
      "Give the role to another active account first. The last ORG_OWNER of an organization can be ended with `force` (`--force` of the commands) too: owners of all organizations still manage it. The last IAM_OWNER cannot.",
  },
  ROLES_INVALID: {
    code: "invalid_argument",
    reason: "ROLES_INVALID",
    text: "The roles cannot be given",
    remedy: "The message and google.rpc.BadRequest name the role; docs/access.md lists all of them.",
  },
  ROLES_EXCEED_CALLER: {
    code: "permission_denied",
    reason: "ROLES_EXCEED_CALLER",
    text: "The roles allow more than the caller may do",
    remedy: "Have an account act that holds at least these roles, in the same organizations.",
  },
  ACCESS_TOKEN_NOT_FOUND: {
    code: "not_found",
    reason: "ACCESS_TOKEN_NOT_FOUND",
    text: "There is no such access token",
    remedy: "Check the id of the token (not the token itself); ListAccessTokens lists them.",
  },
  ACCESS_TOKEN_EXPIRY_INVALID: {
    code: "invalid_argument",
    reason: "ACCESS_TOKEN_EXPIRY_INVALID",
    text: "The token cannot expire at that time",
    remedy: "Send a time in the future, or none for a token that does not expire.",
  },

  ACCESS_TOKEN_OUTLIVES_CALLER: {
    code: "permission_denied",
    reason: "ACCESS_TOKEN_OUTLIVES_CALLER",
    text: "The token would outlive the one that the call was made with",
    remedy:
      "Send an expire_time no later than the message says, or call with a token that does not expire, or ends later.",
  },

  // --- who is calling --------------------------------------------------------------------------------------------
  AUTH_HEADER_MISSING: {
    code: "unauthenticated",
    reason: "AUTH_HEADER_MISSING",
    text: "auth header missing",
    remedy: "Send `Authorization: Bearer <token>`; the admin token of a first start is in data/admin.token.",
  },
  TOKEN_INVALID: {
    code: "unauthenticated",
    reason: "TOKEN_INVALID",
    id: "AUTH-7fs1e",
    text: "Errors.Token.Invalid",
    remedy: "The token is malformed, unknown, expired or revoked; send a valid one.",
  },
  JWT_KEYS_UNAVAILABLE: {
    code: "unavailable",
    reason: "JWT_KEYS_UNAVAILABLE",
    text: "The issuer's keys cannot be fetched, and the token's is not known; nothing was executed",
    remedy: "Repeat the call after the time in RetryInfo; the operator finds the cause in the log.",
  },
  MEMBERSHIP_NOT_FOUND: {
    code: "not_found",
    reason: "MEMBERSHIP_NOT_FOUND",
    id: "AUTHZ-cdgFk",
    text: "membership not found",
    remedy: "Give the caller a role.",
  },
  PERMISSION_DENIED: {
    code: "permission_denied",
    reason: "PERMISSION_DENIED",
    id: "AUTH-AWfge",
    text: "No matching permissions found",
    remedy: "Give the caller a role that holds the permission.",
  },
  PERMISSION_DENIED_HERE: {
    code: "permission_denied",
    reason: "PERMISSION_DENIED",
    id: "AUTH-Swrgg2",
    text: "No matching permissions found",
    remedy: "The caller holds the permission for another organization only.",
  },
  PERMISSION_DENIED_METHOD: {
    code: "permission_denied",
    reason: "PERMISSION_DENIED",
    id: "AUTH-5mWD2",
    text: "No matching permissions found",
    remedy: "Give the caller a role that holds the permission this method asks for.",
  },

  // --- requests that break a rule of the contract ------------------------------------------------------------------
  REQUEST_INVALID: {
    code: "invalid_argument",
    reason: "REQUEST_INVALID",
    text: "The request breaks a rule",
    remedy: "The message and google.rpc.BadRequest name the field and the rule; correct the field.",
  },
  REQUEST_MALFORMED: {
    code: "invalid_argument",
    reason: "REQUEST_MALFORMED",
    text: "The request cannot be read",
    remedy: "Send a body that is valid JSON (or protobuf) for the request message.",
  },
  IDEMPOTENCY_KEY_INVALID: {
    code: "invalid_argument",
    reason: "IDEMPOTENCY_KEY_INVALID",
    text: "The Idempotency-Key is not 1 to 255 visible ASCII characters",
    remedy: "Send one header `Idempotency-Key` with a fresh random value, such as a UUID, or none.",
  },
  IDEMPOTENCY_KEY_REUSED: {
    code: "invalid_argument",
    reason: "IDEMPOTENCY_KEY_REUSED",
    text: "Another request was made with this Idempotency-Key; nothing was executed",
    remedy: "Make a fresh key for each new request; send an old one with the very same request only.",
  },
  IDEMPOTENCY_CODE_LOST: {
    code: "failed_precondition",
    reason: "IDEMPOTENCY_CODE_LOST",
    text: "The call succeeded earlier, but its code cannot be read any more: the secret key that sealed it is gone",
    remedy: "Have a new code issued under a fresh key; the operator may restore the secret key.",
  },
  REQUEST_TOO_LARGE: {
    code: "resource_exhausted",
    reason: "REQUEST_TOO_LARGE",
    text: "The request is larger than the server reads",
    remedy: "Keep request bodies below 1 MiB.",
  },
  MESSAGE_COUNT_INVALID: {
    // gRPC's code for a request cardinality violation.
    code: "unimplemented",
    reason: "MESSAGE_COUNT_INVALID",
    text: "The request does not hold exactly one message",
    remedy: "Send one message: the calls here are unary.",
  },
  ENCODING_NOT_SERVED: {
    code: "unimplemented",
    reason: "ENCODING_NOT_SERVED",
    text: "The request is compressed in a way that is not served",
    remedy: "Compress with gzip or br, or not at all.",
  },
  METHOD_NOT_ALLOWED: {
    code: "unimplemented",
    reason: "METHOD_NOT_ALLOWED",
    text: "Method Not Allowed",
    remedy: "Use one of the HTTP methods in the Allow header.",
  },
  ROUTE_NOT_FOUND: {
    code: "not_found",
    reason: "ROUTE_NOT_FOUND",
    text: "Not Found",
    remedy: "Check the path; docs and reflection list what is served.",
  },
  PROCEDURE_UNKNOWN: {
    code: "unimplemented",
    reason: "PROCEDURE_UNKNOWN",
    text: "unknown service or method",
    remedy: "Check the path; reflection lists what is served.",
  },

  // --- the service itself ----------------------------------------------------------------------------------------
  FIELD_NOT_SERVED: {
    code: "unimplemented",
    reason: "FIELD_NOT_SERVED",
    text: "Field is not served",
    remedy: "Countersign serves the e-mail part of the API: leave the named field out.",
  },
  OVERLOADED: {
    code: "unavailable",
    reason: "OVERLOADED",
    text: "The service has more work queued than it can take; nothing was executed",
    remedy: "Repeat the call after the time in RetryInfo.",
  },
  STORE_UNAVAILABLE: {
    code: "unavailable",
    reason: "STORE_UNAVAILABLE",
    text: "The database cannot take writes; the outcome of the call was not recorded",
    remedy: "Repeat the call later; the operator finds the cause in the log.",
  },
  DEADLINE_EXCEEDED: {
    code: "deadline_exceeded",
    reason: "DEADLINE_EXCEEDED",
    text: "The deadline passed before the answer was ready; the call may have been executed",
    remedy: "Allow more time; look the user up before a call with effects is repeated.",
  },
  SHUTTING_DOWN: {
    code: "unavailable",
    reason: "SHUTTING_DOWN",
    text: "the server is shutting down",
    remedy: "Repeat the call: another instance, or the next start, answers it.",
  },
  QUERY_TIMED_OUT: {
    code: "deadline_exceeded",
    reason: "QUERY_TIMED_OUT",
    text: "The list took longer than its deadline",
    remedy: "Narrow the query or ask for fewer results.",
  },
  INTERNAL: {
    code: "internal",
    reason: "INTERNAL",
    text: "An internal error occurred",
    remedy: "Report it with the request id; the log holds the cause.",
  },
} as const satisfies Record<string, FailureDefinition>;

export type FailureName = keyof typeof failureCatalogue;

/** A refusal as plain data: it crosses threads and transactions. */
export interface Failure {
  readonly name: FailureName;
  /** Facts for ErrorInfo.metadata; never a code, token, link or full address. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** For refusals that pass: after how many milliseconds a repeat makes sense (google.rpc.RetryInfo). */
  readonly retryAfterMs?: number;
  /** Which limit was met (google.rpc.QuotaFailure). */
  readonly quota?: QuotaFault;
  /** Says it more exactly than the catalogue's text, where the text depends on the request. */
  readonly text?: string;
  /** Which fields of the request are at fault (google.rpc.BadRequest). */
  readonly fields?: readonly FieldFault[];
}

export interface QuotaFault {
  /** Whose quota it is, such as `user:123/email`; never an address in full. */
  readonly subject: string;
  /** The limit in words. */
  readonly description: string;
}

export interface FieldFault {
  /** Path in proto names, such as `send_code.url_template`. */
  readonly field: string;
  readonly description: string;
}

export function failure(name: FailureName, extra: Omit<Failure, "name"> = {}): Failure {
  return { name, ...extra };
}

/** Carries a `Failure` where an exception is the way out: from a store, from access checks. */
export class FailureError extends Error {
  override readonly name = "FailureError";
  readonly failure: Failure;

  constructor(of: Failure, options?: ErrorOptions) {
    super(failureMessage(of), options);
    this.failure = of;
  }
}

/** The wire text, as ZITADEL prints it: `<text> (<id>)`, or the bare text where there is no id. */
export function failureMessage(of: Failure): string {
  const { text, id }: FailureDefinition = failureCatalogue[of.name];
  const shown = of.text ?? text;
  return id === undefined ? shown : `${shown} (${id})`;
}

function userIdMissing<const Id extends string>(id: Id) {
  return {
    code: "invalid_argument",
    reason: "USER_ID_MISSING",
    id,
    text: "User ID missing",
    remedy: "Set user_id.",
  } as const;
}

function userNotFound<const Id extends string>(id: Id) {
  return {
    code: "not_found",
    reason: "USER_NOT_FOUND",
    id,
    text: "User could not be found",
    remedy: "Check the user id.",
  } as const;
}
