// Where a link may lead people on to: what is on the list, and nothing else.
import { describe, expect, test } from "@jest/globals";
import { returnTarget } from "../../../../src/web/verify/return-target.ts";

const HOSTS = ["app.example.com", "*.example.org", "localhost:3000", "127.0.0.1"];

describe("to hosts on the list", () => {
  test.each([
    ["https://app.example.com", "https://app.example.com/", "app.example.com"],
    ["https://app.example.com/welcome?a=b#c", "https://app.example.com/welcome?a=b#c", "app.example.com"],
    ["HTTPS://App.Example.COM/x", "https://app.example.com/x", "app.example.com"],
    ["https://shop.example.org/", "https://shop.example.org/", "shop.example.org"],
    ["http://localhost:3000/done", "http://localhost:3000/done", "localhost:3000"],
    ["http://127.0.0.1:5173/", "http://127.0.0.1:5173/", "127.0.0.1:5173"],
  ])("%s", (text, href, host) => {
    expect(returnTarget(text, HOSTS)).toEqual({ href, host });
  });
});

describe("not to", () => {
  test.each([
    "",
    "/welcome",
    "//app.example.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://app.example.com/",
    "https://evil.example/",
    "https://app.example.com.evil.example/",
    "https://app.example.com@evil.example/",
    "https://user:pass@app.example.com/",
    "https:app.example.com",
    "https:\\\\app.example.com",
    "https://example.org/",
    "https://localhost:3001/",
    "https://app.example.com/{{.Code}}",
    "https://app.example.com/a b",
    "https://app.example.com/\n",
    `https://app.example.com/${"x".repeat(2_000)}`,
  ])("%j", (text) => {
    expect(returnTarget(text, HOSTS)).toBeUndefined();
  });

  test("anywhere without a list", () => {
    expect(returnTarget("https://app.example.com/", [])).toBeUndefined();
  });
});
