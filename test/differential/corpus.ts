// The sequence of requests: first every way in with every call and every mutation, then combinations by chance.
import type { JsonObject } from "@bufbuild/protobuf";
import type { Random } from "../support/random.ts";
import type { RawRequest } from "../support/raw-http.ts";
import type { MethodName } from "../support/wire-formats.ts";
import { mutations, type Mutation, type Stage } from "./mutations.ts";
import {
  canCarry,
  encodeBody,
  encodePayload,
  methodNames,
  placeMessage,
  wireKinds,
  type Draft,
  type WireKind,
} from "./wire-kinds.ts";
import type { World } from "./world.ts";

/** What a case is made of. */
export interface Plan {
  readonly kind: WireKind;
  readonly method: MethodName;
  readonly mutations: readonly Mutation[];
}

export interface Case extends Plan {
  readonly number: number;
  readonly name: string;
  /** With the user's id, wherever the request says it. */
  readonly message: JsonObject;
  /** What the direct path gets. */
  readonly request: RawRequest;
  /** What connect-node gets: the same, but for formats that it does not know. */
  readonly reference: RawRequest;
}

const STAGES: readonly Stage[] = ["message", "payload", "body", "request"];
const TRIES = 20;

/** @param byChance how many cases to add to those that have to be */
export function* plans(random: Random, byChance: number): Generator<Plan> {
  for (const method of methodNames) {
    for (const kind of wireKinds) if (canCarry(kind, method)) yield { kind, method, mutations: [] };
  }
  for (const mutation of mutations) {
    for (const kind of wireKinds) {
      const method = methodFor(random, kind, [mutation]);
      if (mutation.fits(kind) && method !== undefined) yield { kind, method, mutations: [mutation] };
    }
  }
  for (let count = 0; count < byChance; count++) {
    const kind = random.pick(wireKinds);
    const fitting = mutations.filter((mutation) => mutation.fits(kind));
    const chosen = Array.from({ length: random.pick([0, 0, 0, 1, 1, 2]) }, () => random.pick(fitting));
    const method = methodFor(random, kind, chosen);
    if (method !== undefined) yield { kind, method, mutations: chosen };
  }
}

function methodFor(random: Random, kind: WireKind, chosen: readonly Mutation[]): MethodName | undefined {
  const possible = methodNames.filter(
    (method) =>
      canCarry(kind, method) && chosen.every(({ methods = methodNames }) => methods.includes(method)),
  );
  return possible.length === 0 ? undefined : random.pick(possible);
}

interface BuildOptions {
  readonly number: number;
  readonly random: Random;
  readonly world: World;
  readonly token: string;
}

/** A mutation may need a call that has the field it changes: then another call is taken. */
export function buildCase(plan: Plan, options: BuildOptions): Case {
  const { random } = options;
  const { kind } = plan;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const built = tryBuild(plan, options);
    if (built !== undefined) return built;
    plan = { ...plan, method: methodFor(random, kind, plan.mutations) ?? plan.method };
  }
  // Two mutations that exclude one another, or one that excludes the kind.
  return buildCase({ ...plan, mutations: plan.mutations.slice(0, -1) }, options);
}

function tryBuild(plan: Plan, { number, random, world, token }: BuildOptions): Case | undefined {
  const { kind, method } = plan;
  const draft: Draft = {
    kind,
    method,
    verb: "POST",
    path: "",
    message: world.message(method),
    payload: Buffer.alloc(0),
    body: undefined,
    headers: {
      authorization: `Bearer ${token}`,
      "x-request-id": `case-${number}`,
      "content-type": kind.contentType,
      ...(kind.family === "grpc" && { te: "trailers" }),
    },
  };
  const mutate = (stage: Stage) =>
    plan.mutations
      .filter((mutation) => mutation.stage === stage)
      .every((mutation) => mutation.apply(draft, random, world) !== false);
  const message = draft.message;
  for (const stage of STAGES) {
    if (!mutate(stage)) return undefined;
    if (stage === "message") {
      draft.message = structuredClone(draft.message);
      placeMessage(draft);
      try {
        draft.payload = encodePayload(draft);
      } catch {
        return undefined;
      }
    } else if (stage === "payload") {
      draft.body = encodeBody(draft);
    }
  }
  const names = plan.mutations.map((mutation) => mutation.name);
  return {
    ...plan,
    number,
    name: [`${number}: ${kind.name}, ${method}`, ...names].join("; "),
    message,
    ...requestsOf(draft),
  };
}

function requestsOf(draft: Draft): Pick<Case, "request" | "reference"> {
  const { kind, verb, path, headers, body } = draft;
  const reference = { method: verb, path, headers, ...(body !== undefined && { body }) };
  if (!kind.asText || headers["content-type"] !== kind.contentType) return { request: reference, reference };
  const asText = {
    ...reference,
    headers: { ...headers, "content-type": "application/grpc-web-text+proto" },
    ...(body !== undefined && { body: body.toString("base64") }),
  };
  return { request: asText, reference };
}
