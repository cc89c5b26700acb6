/**
 * What an answer of the HTTP provider means, and what its silence means: rules as data, and a function that reads them.
 *
 * The lines behind the rules: any 2xx is a yes, whatever it says of the work behind it (RFC 9110 section 15.3). A provider
 * that is away, busy or wrongly set up has said nothing about the mail, and mails wait for it; one that is wrongly set up
 * is worth an error in the log. Only the few statuses that speak of what was posted end a mail. What no rule knows is tried
 * again: the life of the code bounds the tries.
 */
import type { RetryDelay } from "../retry-policy.ts";

/** What is known of one post. */
export interface HttpFault {
  /** The answer's status; undefined when there was none. */
  readonly status?: number;
  /** Codes of Node, such as ECONNREFUSED. */
  readonly errorCodes: readonly string[];
  /** The whole request was written and no answer came: the provider may have taken the mail. */
  readonly isUnanswered: boolean;
}

export interface HttpJudgement {
  readonly verdict: "accepted" | "transient" | "permanent";
  /** "provider": nothing was said about this one mail. */
  readonly about: "provider" | "mail";
  /** The settings of this installation are wrong, or the provider's: worth an error in the log. */
  readonly misconfigured: boolean;
  readonly why: string;
  /** Before the next try; of no meaning after the other verdicts. */
  readonly delay: RetryDelay;
}

/** Holds when one of its statuses, or one of its error codes, is there. The first rule that holds decides. */
export interface HttpRule extends HttpJudgement {
  readonly status?: RegExp;
  readonly error?: RegExp;
  /** Holds when the request was written and not answered. */
  readonly isUnanswered?: true;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

export const HTTP_DELAYS = {
  /** A fault within Countersign. */
  internal: { minMs: 1 * SECOND_MS, maxMs: 3 * SECOND_MS, capMs: 30 * SECOND_MS },
  /** Networks and restarts mend within seconds, and somebody looks at an empty mailbox. */
  unreachable: { minMs: 2 * SECOND_MS, maxMs: 5 * SECOND_MS, capMs: 2 * MINUTE_MS },
  /** It is there, and does not cope. */
  failing: { minMs: 5 * SECOND_MS, maxMs: 10 * SECOND_MS, capMs: 5 * MINUTE_MS },
  /** More mails would prolong it. For providers that do not say how long. */
  throttled: { minMs: 30 * SECOND_MS, maxMs: 60 * SECOND_MS, capMs: 10 * MINUTE_MS },
  /** The mail may have left already: the person has used its code by then, and the next try is cancelled. */
  unanswered: { minMs: 30 * SECOND_MS, maxMs: 60 * SECOND_MS, capMs: 10 * MINUTE_MS },
  /** Only a person mends it, but may do so before the code ends. */
  misconfigured: { minMs: 30 * SECOND_MS, maxMs: 60 * SECOND_MS, capMs: 10 * MINUTE_MS },
} as const satisfies Record<string, RetryDelay>;

const PROVIDER = { verdict: "transient", about: "provider", misconfigured: false } as const;
const MISCONFIGURED = { ...PROVIDER, misconfigured: true, delay: HTTP_DELAYS.misconfigured } as const;
const NEVER = {
  verdict: "permanent",
  about: "mail",
  misconfigured: false,
  delay: HTTP_DELAYS.failing,
} as const;

export const HTTP_RULES: readonly HttpRule[] = [
  {
    status: /^2\d\d$/,
    verdict: "accepted",
    about: "mail",
    misconfigured: false,
    delay: HTTP_DELAYS.internal,
    why: "accepted",
  },
  // A redirect could lead the code anywhere. It is the sign of a wrong URL, which costs no mail if mended in time.
  {
    status: /^3\d\d$/,
    ...MISCONFIGURED,
    why: "redirects are not followed: set the URL that it leads to",
  },

  // What the provider says of itself.
  {
    status: /^(408|425|5\d\d)$/,
    ...PROVIDER,
    delay: HTTP_DELAYS.failing,
    why: "the provider asks for a later try",
  },
  {
    status: /^429$/,
    ...PROVIDER,
    delay: HTTP_DELAYS.throttled,
    why: "the provider takes no more mail now",
  },
  {
    status: /^(401|403|407)$/,
    ...MISCONFIGURED,
    why: "the provider refuses Countersign: check the secret on both sides",
  },
  {
    status: /^(404|405|406|411|415|421|426|431)$/,
    ...MISCONFIGURED,
    why: "nothing at the URL takes mails",
  },

  // What it says of the mail.
  {
    status: /^(409|423)$/,
    ...PROVIDER,
    about: "mail",
    delay: HTTP_DELAYS.failing,
    why: "the provider is at work on this mail already",
  },
  { status: /^(400|413|422)$/, ...NEVER, why: "the provider refuses the mail" },
  { status: /^410$/, ...NEVER, misconfigured: true, why: "the provider says that the URL is gone for good" },
  { status: /^/, ...MISCONFIGURED, why: "an answer that no rule knows" },

  // Reaching the provider.
  { error: /^ERR_ADDRESS_REFUSED$/, ...MISCONFIGURED, why: "no code is sent to that address" },
  {
    error:
      /CERT|SIGNATURE|^(UNABLE_TO|ERR_TLS|ERR_SSL)_|^(EPROTO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/,
    ...MISCONFIGURED,
    why: "no TLS that can be trusted",
  },
  {
    error: /^(EAI_AGAIN|ETIMEOUT|ESERVFAIL|EREFUSED)$/,
    ...PROVIDER,
    delay: HTTP_DELAYS.unreachable,
    why: "names cannot be resolved now",
  },
  { error: /^(ENOTFOUND|EAI_\w+)$/, ...MISCONFIGURED, why: "the provider's name cannot be resolved" },
  { error: /^(EACCES|EPERM)$/, ...MISCONFIGURED, why: "this machine does not let Countersign connect" },
  {
    error: /^(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|EADDRINUSE)$/,
    ...PROVIDER,
    delay: HTTP_DELAYS.internal,
    why: "this machine has no socket to spare",
  },
  { error: /^HPE_/, ...MISCONFIGURED, why: "whatever answers, it is not HTTP" },
  {
    isUnanswered: true,
    ...PROVIDER,
    delay: HTTP_DELAYS.unanswered,
    why: "no answer to the whole request, the provider may have taken the mail",
  },
];

const UNKNOWN: HttpJudgement = {
  ...PROVIDER,
  delay: HTTP_DELAYS.unreachable,
  why: "no connection to the provider, or a broken one",
};

export function judgeHttp(fault: HttpFault): HttpJudgement {
  return HTTP_RULES.find((rule) => holds(rule, fault)) ?? UNKNOWN;
}

function holds({ status, error, isUnanswered }: HttpRule, fault: HttpFault): boolean {
  return (
    (status !== undefined && fault.status !== undefined && status.test(String(fault.status))) ||
    (error !== undefined && fault.errorCodes.some((code) => error.test(code))) ||
    (isUnanswered === true && fault.isUnanswered && fault.status === undefined)
  );
}
