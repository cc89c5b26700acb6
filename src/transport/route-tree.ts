/**
 * Routes by path: a tree of segments, so that a match costs as much as the path is long, however many routes there are.
 *
 * At each segment a literal comes before `*`, and `*` before `**`; a path with a verb is first looked up with it. So
 * `/v2/users/human` is not taken for a user's id, where both have the HTTP method of the request.
 */
import { decodeSegment, type PathTemplate } from "./path-template.ts";

/** In place of an HTTP method: any. */
export const ANY_METHOD = "*";

export interface TreeMatch<Value> {
  readonly value: Value;
  /** Segments of the path less its verb, still encoded. */
  readonly segments: readonly string[];
}

export interface TreeMiss {
  readonly value: undefined;
  /** HTTP methods that the path is known under, in the order of their routes; empty for an unknown path. */
  readonly methods: readonly string[];
}

/** Values by template verb, then by HTTP method. */
type Leaf<Value> = Map<string, Map<string, Value>>;

interface Node<Value> {
  readonly literals: Map<string, Node<Value>>;
  one: Node<Value> | undefined;
  /** What ends here. */
  readonly leaf: Leaf<Value>;
  /** What goes on with `**` from here. */
  readonly rest: Leaf<Value>;
}

export class RouteTree<Value> {
  readonly #root: Node<Value> = makeNode();
  readonly #verbs = new Set<string>();

  /** @returns the value that has the same place already, which it keeps; undefined when the value was added */
  add(method: string, { segments, verb }: PathTemplate, value: Value): Value | undefined {
    let node = this.#root;
    let leaf = node.leaf;
    for (const segment of segments) {
      if (segment.kind === "rest") {
        leaf = node.rest;
        break;
      }
      node = segment.kind === "literal" ? childOf(node.literals, segment.text) : (node.one ??= makeNode());
      leaf = node.leaf;
    }
    const byMethod = leaf.get(verb) ?? new Map<string, Value>();
    leaf.set(verb, byMethod);
    const present = byMethod.get(method);
    if (present === undefined) byMethod.set(method, value);
    if (verb !== "") this.#verbs.add(verb);
    return present;
  }

  /** @param path of a request, without the query */
  find(method: string, path: string): TreeMatch<Value> | TreeMiss {
    const search = new Search<Value>(acceptable(method));
    if (!path.startsWith("/")) return search.miss;
    const segments = path.slice(1).split("/");
    const last = segments.at(-1) ?? "";
    const colon = last.lastIndexOf(":");
    const verb = colon === -1 ? undefined : decodeSegment(last.slice(colon + 1));
    if (verb !== undefined && this.#verbs.has(verb)) {
      const beforeVerb = [...segments.slice(0, -1), last.slice(0, colon)];
      const value = search.walk(this.#root, beforeVerb, 0, verb);
      if (value !== undefined) return { value, segments: beforeVerb };
    }
    const value = search.walk(this.#root, segments, 0, "");
    return value === undefined ? search.miss : { value, segments };
  }
}

/** One look-up. It visits no node twice: each is at one depth and below one path. */
class Search<Value> {
  readonly #methods: readonly string[];
  readonly #others = new Set<string>();

  constructor(methods: readonly string[]) {
    this.#methods = methods;
  }

  get miss(): TreeMiss {
    return { value: undefined, methods: [...this.#others] };
  }

  walk(node: Node<Value>, segments: readonly string[], depth: number, verb: string): Value | undefined {
    const segment = segments[depth];
    if (segment === undefined) return this.#pick(node.leaf, verb) ?? this.#pick(node.rest, verb);
    const literal = node.literals.get(decodeSegment(segment) ?? "");
    return (
      (literal && this.walk(literal, segments, depth + 1, verb)) ??
      (node.one && segment !== "" ? this.walk(node.one, segments, depth + 1, verb) : undefined) ??
      this.#pick(node.rest, verb)
    );
  }

  #pick(leaf: Leaf<Value>, verb: string): Value | undefined {
    const byMethod = leaf.get(verb);
    if (byMethod === undefined) return undefined;
    for (const method of this.#methods) {
      const value = byMethod.get(method);
      if (value !== undefined) return value;
    }
    for (const method of byMethod.keys()) this.#others.add(method);
    return undefined;
  }
}

/** Methods of routes that may answer a request, the best first. HEAD is GET without the body (RFC 9110 section 9.3.2). */
function acceptable(method: string): readonly string[] {
  return method === "HEAD" ? ["HEAD", "GET", ANY_METHOD] : [method, ANY_METHOD];
}

function makeNode<Value>(): Node<Value> {
  return { literals: new Map(), one: undefined, leaf: new Map(), rest: new Map() };
}

function childOf<Value>(children: Map<string, Node<Value>>, text: string): Node<Value> {
  const child = children.get(text) ?? makeNode<Value>();
  children.set(text, child);
  return child;
}
