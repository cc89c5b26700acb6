import { expect, test } from "@jest/globals";
import { pascalCase } from "../../../src/rpc/pascal-case.ts";

// As protoc-gen-go names them (google.golang.org/protobuf/internal/strs, GoCamelCase).
test.each([
  ["email", "Email"],
  ["url_template", "UrlTemplate"],
  ["in_user_ids_query", "InUserIdsQuery"],
  ["totp_secret", "TotpSecret"],
  ["field1", "Field1"],
  ["a1b", "A1B"],
  ["a_1", "A_1"],
  ["a_1b", "A_1B"],
  ["a__b", "A_B"],
  ["a_", "A_"],
  ["camelCase", "CamelCase"],
  ["URL_name", "URLName"],
  ["A", "A"],
])("%s is %s in Go", (protoName, goName) => {
  expect(pascalCase(protoName)).toBe(goName);
});
