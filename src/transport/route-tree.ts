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
    const found = this.#search(path, (byMethod) => pick(byMethod, method));
    if (found !== undefined) return found;
    const methods = new Set<string>();
    this.#search(path, (byMethod) => {
      for (const known of byMethod.keys()) methods.add(known);
      return undefined;
    });
    return { value: undefined, methods: [...methods] };
  }

  #search(path: string, choose: Choose<Value>): TreeMatch<Value> | undefined {
    if (!path.startsWith("/")) return undefined;
    const segments = path.slice(1).split("/");
    const last = segments.at(-1) ?? "";
    const colon = last.lastIndexOf(":");
    const verb = colon === -1 ? undefined : decodeSegment(last.slice(colon + 1));
    if (verb !== undefined && this.#verbs.has(verb)) {
      const beforeVerb = [...segments.slice(0, -1), last.slice(0, colon)];
      const value = walk(this.#root, beforeVerb, 0, verb, choose);
      if (value !== undefined) return { value, segments: beforeVerb };
    }
    const value = walk(this.#root, segments, 0, "", choose);
    return value === undefined ? undefined : { value, segments };
  }
}

/** Takes the value that it wants of those in one place, or none: then the search goes on. */
type Choose<Value> = (byMethod: ReadonlyMap<string, Value>) => Value | undefined;

/** Visits no node twice: each is at one depth and below one path. */
function walk<Value>(
  node: Node<Value>,
  segments: readonly string[],
  depth: number,
  verb: string,
  choose: Choose<Value>,
): Value | undefined {
  const segment = segments[depth];
  if (segment === undefined) return pickFrom(node.leaf, verb, choose) ?? pickFrom(node.rest, verb, choose);
  const literal = node.literals.get(decodeSegment(segment) ?? "");
  return (
    (literal && walk(literal, segments, depth + 1, verb, choose)) ??
    (node.one && segment !== "" ? walk(node.one, segments, depth + 1, verb, choose) : undefined) ??
    pickFrom(node.rest, verb, choose)
  );
}

function pickFrom<Value>(leaf: Leaf<Value>, verb: string, choose: Choose<Value>): Value | undefined {
  const byMethod = leaf.get(verb);
  return byMethod && choose(byMethod);
}

/** HEAD is GET without the body (RFC 9110 section 9.3.2), unless it has a route of its own. */
function pick<Value>(byMethod: ReadonlyMap<string, Value>, method: string): Value | undefined {
  return (
    byMethod.get(method) ?? (method === "HEAD" ? byMethod.get("GET") : undefined) ?? byMethod.get(ANY_METHOD)
  );
}

function makeNode<Value>(): Node<Value> {
  return { literals: new Map(), one: undefined, leaf: new Map(), rest: new Map() };
}

function childOf<Value>(children: Map<string, Node<Value>>, text: string): Node<Value> {
  const child = children.get(text) ?? makeNode<Value>();
  children.set(text, child);
  return child;
}
