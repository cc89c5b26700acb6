/**
 * google.api.http rules as a table of routes, made from the descriptors at start-up.
 *
 * A template is literal segments, `*`, `**`, variables `{field.path=pattern}` and an optional verb (google/api/http.proto).
 * Routes with more literal text come first, so that `/v2/users/human` is not taken for a user's id.
 */
import {
  getOption,
  hasOption,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
} from "@bufbuild/protobuf";
import { http as httpOption } from "../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../gen/google/api/http_pb.ts";
import type { Binding } from "../rpc/call.ts";

export interface Route {
  readonly verb: string;
  readonly method: DescMethodUnary;
  /** "*" for the whole message, "" for no body, else the field that the body fills. */
  readonly body: string;
  /** The field that the answer's body shows; "" for the whole message. */
  readonly responseBody: string;
  readonly pattern: RegExp;
  /** Field paths of the pattern's groups. */
  readonly variables: readonly (readonly string[])[];
  readonly literalLength: number;
}

export type RouteMatch =
  | { readonly kind: "found"; readonly route: Route; readonly bindings: readonly Binding[] }
  /** The path is known under other verbs only. */
  | { readonly kind: "otherVerbs"; readonly verbs: readonly string[] }
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" };

export class RouteTable {
  readonly #routes: readonly Route[];

  constructor(services: readonly DescService[]) {
    this.#routes = services
      .flatMap((service) => service.methods.flatMap(routesOf))
      .toSorted((a, b) => b.literalLength - a.literalLength);
  }

  match(verb: string, path: string): RouteMatch {
    const verbs: string[] = [];
    for (const route of this.#routes) {
      const match = route.pattern.exec(path);
      if (match === null) continue;
      if (route.verb !== verb) {
        verbs.push(route.verb);
        continue;
      }
      try {
        const bindings = route.variables.map((fieldPath, index) => ({
          path: fieldPath,
          value: decodeURIComponent(match[index + 1] ?? ""),
        }));
        return { kind: "found", route, bindings };
      } catch {
        return { kind: "malformed" };
      }
    }
    return verbs.length > 0 ? { kind: "otherVerbs", verbs } : { kind: "unknown" };
  }
}

function routesOf(method: DescMethod): Route[] {
  if (!hasOption(method, httpOption) || !isUnary(method)) return [];
  const rule = getOption(method, httpOption);
  return [rule, ...rule.additionalBindings].flatMap((each) => compileRule(method, each) ?? []);
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function compileRule(method: DescMethodUnary, rule: HttpRule): Route | undefined {
  const { pattern, body, responseBody } = rule;
  if (pattern.case === undefined) return undefined;
  const [verb, template] =
    pattern.case === "custom"
      ? [pattern.value.kind, pattern.value.path]
      : [pattern.case.toUpperCase(), pattern.value];
  return { verb, method, body, responseBody, ...compileTemplate(template) };
}

function compileTemplate(template: string): Pick<Route, "pattern" | "variables" | "literalLength"> {
  const variables: string[][] = [];
  let literalLength = 0;
  const source = template
    .split(/(\{[^}]*\})/)
    .map((part) => {
      if (!part.startsWith("{")) {
        literalLength += part.length;
        return segments(part);
      }
      const [fieldPath = "", pattern = "*"] = part.slice(1, -1).split("=");
      variables.push(fieldPath.split("."));
      return `(${segments(pattern)})`;
    })
    .join("");
  return { pattern: new RegExp(`^${source}$`), variables, literalLength };
}

function segments(text: string): string {
  const segment = (part: string) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]+";
    return part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  };
  return text.split("/").map(segment).join("/");
}
