// What a refusal looks like on the wire, and what it must look like.
import { expect } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";

export interface Refusal {
  /** gRPC's number. */
  readonly code: number;
  /** Without the id. */
  readonly text: string | RegExp;
  /** ZITADEL's id; absent where ZITADEL has none. */
  readonly id?: string;
  /** ErrorInfo's. */
  readonly reason: string;
  /** ErrorInfo's metadata, where the test looks at it. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** BadRequest's one violation: path and description. */
  readonly field?: readonly [path: string, description: string];
}

/** The error that the refusal stands for, as a value for toEqual. */
export function refused({ code, text, id, reason, metadata, field }: Refusal): unknown {
  const details: unknown[] = [];
  if (id !== undefined) details.push({ "@type": "zitadel.v1.ErrorDetail", id, message: text });
  const info: JsonObject = { "@type": "google.rpc.ErrorInfo", reason, domain: "countersign" };
  details.push(expect.objectContaining({ ...info, ...(metadata !== undefined && { metadata }) }));
  if (field !== undefined) {
    const [path, description] = field;
    details.push({ "@type": "google.rpc.BadRequest", fieldViolations: [{ field: path, description }] });
  }
  if (code === 9) {
    details.push({
      "@type": "google.rpc.PreconditionFailure",
      violations: [{ type: reason, description: expect.stringMatching(/^[A-Z].*\.$/) }],
    });
  }
  const message = id === undefined ? text : `${String(text)} (${id})`;
  return { code, message: typeof message === "string" ? message : expect.stringMatching(message), details };
}
