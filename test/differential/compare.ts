// Two answers to one request, fact by fact.
import { isDeepStrictEqual } from "node:util";
import type { RawAnswer } from "../support/raw-http.ts";
import type { Case } from "./corpus.ts";
import { fromBase64, observe, type Observation } from "./observe.ts";

export interface Difference {
  /** The fact's name. */
  readonly fact: string;
  /** Undefined: not in the answer. */
  readonly direct: unknown;
  readonly connect: unknown;
}

export interface Answers {
  readonly direct: Observation;
  readonly connect: Observation;
}

/** A request may be refused below HTTP. */
export type Outcome = RawAnswer | { readonly noAnswer: string };

const TEXT_TYPE = "application/grpc-web-text+proto";
const BINARY_TYPE = "application/grpc-web+proto";

export function observeBoth(of: Case, direct: Outcome, connect: Outcome): Answers {
  return { direct: observeOne(of, direct), connect: observeOne(of, connect) };
}

function observeOne({ name, kind, method }: Case, answer: Outcome): Observation {
  if ("noAnswer" in answer) return new Map([["no answer", answer.noAnswer]]);
  try {
    return observe(method, kind.asText ? fromText(answer) : answer);
  } catch (error) {
    throw new Error(`${name}: unreadable answer`, { cause: error });
  }
}

/** What the text form stands for. */
function fromText(answer: RawAnswer): RawAnswer {
  if (answer.headers["content-type"] !== TEXT_TYPE) return answer;
  return {
    ...answer,
    headers: { ...answer.headers, "content-type": BINARY_TYPE },
    body: fromBase64(answer.body),
  };
}

export function differences({ direct, connect }: Answers): Difference[] {
  const facts = new Set([...direct.keys(), ...connect.keys()]);
  return [...facts].flatMap((fact) => {
    const [ours, theirs] = [direct.get(fact), connect.get(fact)];
    return isDeepStrictEqual(ours, theirs) ? [] : [{ fact, direct: ours, connect: theirs }];
  });
}
