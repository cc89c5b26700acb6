import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { parsePathTemplate } from "../../../src/transport/path-template.ts";
import { RouteTree } from "../../../src/transport/route-tree.ts";

/** A tree whose values are its routes, as they were written. */
function treeOf(...routes: readonly string[]): RouteTree<string> {
  const tree = new RouteTree<string>();
  for (const route of routes) {
    const [method = "", template = ""] = route.split(" ");
    tree.add(method, parsePathTemplate(template), route);
  }
  return tree;
}

const tree = treeOf(
  "GET /users/{id}",
  "DELETE /users/{id}",
  "POST /users/human",
  "PUT /users/human/{id}",
  "POST /users/{id}/email",
  "POST /users/{id}/email:undo",
  "GET /users/{id}:undo",
  "GET /files/**",
  "GET /files/list",
  "GET /files/*/meta",
  "GET /files/**:sum",
  "* /any/*",
  "POST /any/one",
  "HEAD /head",
  "GET /head",
  "GET /a%3Ab/%7Ec",
);

describe("RouteTree.find", () => {
  test.each([
    ["GET", "/users/1", "GET /users/{id}"],
    ["DELETE", "/users/1", "DELETE /users/{id}"],
    ["POST", "/users/human", "POST /users/human"],
    // No route of their own: the literal does not stand in the way of a user called human.
    ["GET", "/users/human", "GET /users/{id}"],
    ["POST", "/users/human/email", "POST /users/{id}/email"],
    ["PUT", "/users/human/email", "PUT /users/human/{id}"],
    ["POST", "/users/1/email:undo", "POST /users/{id}/email:undo"],
    ["GET", "/users/1:undo", "GET /users/{id}:undo"],
    // A verb of other routes only is part of the value.
    ["DELETE", "/users/1:undo", "DELETE /users/{id}"],
    ["GET", "/users/1:else", "GET /users/{id}"],
    ["GET", "/users/a:b:undo", "GET /users/{id}:undo"],
    // An encoded colon sets no verb off.
    ["GET", "/users/1%3Aundo", "GET /users/{id}"],
    ["GET", "/users/1:und%6F", "GET /users/{id}:undo"],
    ["GET", "/files", "GET /files/**"],
    ["GET", "/files/", "GET /files/**"],
    ["GET", "/files/a", "GET /files/**"],
    ["GET", "/files/a//b/", "GET /files/**"],
    ["GET", "/files/list", "GET /files/list"],
    ["GET", "/files/list/more", "GET /files/**"],
    ["GET", "/files/list/meta", "GET /files/*/meta"],
    ["GET", "/files//meta", "GET /files/**"],
    ["GET", "/files/a/meta/b", "GET /files/**"],
    ["GET", "/files:sum", "GET /files/**:sum"],
    ["GET", "/files/a/b:sum", "GET /files/**:sum"],
    ["GET", "/files/a:sum/b", "GET /files/**"],
    ["POST", "/any/one", "POST /any/one"],
    ["GET", "/any/one", "* /any/*"],
    ["BREW", "/any/two", "* /any/*"],
    ["HEAD", "/head", "HEAD /head"],
    ["HEAD", "/users/1", "GET /users/{id}"],
    ["HEAD", "/any/one", "* /any/*"],
    // RFC 3986 section 6.2.2.2: encoded or not, the same path.
    ["GET", "/a:b/~c", "GET /a%3Ab/%7Ec"],
    ["GET", "/%61%3ab/%7ec", "GET /a%3Ab/%7Ec"],
    ["GET", "/u%73ers/1", "GET /users/{id}"],
  ])("%s %s finds %s", (method, path, route) => {
    expect(tree.find(method, path).value).toBe(route);
  });

  test.each([
    ["PATCH", "/users/1", ["GET", "DELETE"]],
    ["PATCH", "/users/human", ["POST", "GET", "DELETE"]],
    ["GET", "/users/1/email", ["POST"]],
    ["GET", "/users/1/email:undo", ["POST"]],
    ["PUT", "/users/1:undo", ["GET", "DELETE"]],
    ["DELETE", "/files/list", ["GET"]],
    ["get", "/users/1", ["GET", "DELETE"]],
  ])("%s %s is known under %j only", (method, path, methods) => {
    expect(tree.find(method, path)).toEqual({ value: undefined, methods });
  });

  test.each([
    "",
    "/",
    "*",
    "users/1",
    "//users/1",
    "/users",
    "/users/",
    "/Users/1",
    "/users/1/",
    "/users//email",
    "/users/1/email/",
    "/users/1/2",
    "/%zz/1",
    "/users%2F1",
    "/any/",
    "http://localhost/users/1",
  ])("%j is unknown", (path) => {
    expect(tree.find("GET", path)).toEqual({ value: undefined, methods: [] });
    expect(tree.find("POST", path)).toEqual({ value: undefined, methods: [] });
  });

  test("the segments come without the verb, and encoded", () => {
    expect(tree.find("GET", "/files/a%2fb/c:sum")).toMatchObject({ segments: ["files", "a%2fb", "c"] });
    expect(tree.find("GET", "/files/a%2fb/c:no")).toMatchObject({ segments: ["files", "a%2fb", "c:no"] });
  });

  test("any path has an answer", () => {
    const part = fc.constantFrom("users", "human", "files", "1", ":", "undo", "%", "%2", "%3A", "", "any");
    const pieces = fc.array(fc.oneof(fc.constant("/"), part)).map((all) => all.join(""));
    const parts = fc.array(part).map((all) => `/${all.join("/")}`);
    fc.assert(
      fc.property(fc.oneof(pieces, parts, fc.string({ unit: "binary" })), fc.string(), (path, method) => {
        const found = tree.find(method, path);
        expect(found.value === undefined ? found.methods : found.segments).toBeInstanceOf(Array);
      }),
    );
  });
});

describe("RouteTree.add", () => {
  test.each([
    ["GET /a/{b}", "GET /a/{c=*}"],
    ["GET /a/{b}", "GET /a/*"],
    ["GET /a/b", "GET /a/{c=b}"],
    ["GET /a/b", "GET /a/%62"],
    ["GET /a/**", "GET /a/{b=**}"],
    ["GET /{a=b/*}/c", "GET /b/{a}/c"],
    ["GET /a:b", "GET /a:b"],
    ["* /a", "* /a"],
  ])("%s and %s have one place", (one, other) => {
    const [method = "", template = ""] = other.split(" ");
    const taken = treeOf(one);
    expect(taken.add(method, parsePathTemplate(template), other)).toBe(one);
  });

  test.each([
    ["GET /a/{b}", "PUT /a/{b}"],
    ["GET /a/{b}", "* /a/{b}"],
    ["GET /a/{b}", "GET /a/b"],
    ["GET /a/{b}", "GET /a/{b}:c"],
    ["GET /a/{b}", "GET /a/**"],
    ["GET /a/*/c", "GET /a/b/*"],
  ])("%s and %s do not", (one, other) => {
    const [method = "", template = ""] = other.split(" ");
    expect(treeOf(one).add(method, parsePathTemplate(template), other)).toBeUndefined();
  });
});
