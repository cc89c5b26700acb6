// Where the service is reached.
import { test } from "@jest/globals";
import { expectRefused, expectRefusedUnshown, expectTaken } from "../../../support/settings.ts";

test.each<Parameters<typeof expectTaken>>([
  ["LISTEN", "0.0.0.0:0", { listen: { host: "0.0.0.0", port: 0 } }],
  ["LISTEN", "[::1]:8080", { listen: { host: "::1", port: 8080 } }],
  ["LISTEN", "[::]:65535", { listen: { host: "::", port: 65535 } }],
  ["LISTEN", "localhost:80", { listen: { host: "localhost", port: 80 } }],
  ["LISTEN", " mail-1.example.com:80\n", { listen: { host: "mail-1.example.com", port: 80 } }],
  ["PUBLIC_URL", "https://Verify.example.com/", { publicUrl: "https://verify.example.com" }],
  ["PUBLIC_URL", "http://[::1]:8080", { publicUrl: "http://[::1]:8080" }],
  ["CONNECTIONS_PER_ADDRESS", "0", { connectionsPerAddress: 0 }],
])("%s=%s", expectTaken);

test.each([
  ["LISTEN", "8080", "is not host:port"],
  ["LISTEN", ":8080", "has neither an IP address nor a host name before its port"],
  ["LISTEN", "localhost", "is not host:port"],
  ["LISTEN", "localhost:65536", "has a port above 65535"],
  ["LISTEN", "localhost:-1", "is not host:port"],
  ["LISTEN", "::1", "is not host:port: write [address]:port"],
  ["LISTEN", "[localhost]:80", "has no IPv6 address between its brackets"],
  ["LISTEN", "256.0.0.1:80", "has neither an IP address nor a host name before its port"],
  ["LISTEN", "a_b:80", "has neither an IP address nor a host name before its port"],
  ["LISTEN", "-a.example:80", "has neither an IP address nor a host name before its port"],
  ["LISTEN", "http://localhost:80", "is not host:port"],
  ["CONNECTIONS_PER_ADDRESS", "16385", "is not a whole number from 0 to 16384"],
])("%s=%s is refused", expectRefused);

test.each([
  ["PUBLIC_URL", "verify.example.com", "is not an http:// or https:// URL"],
  ["PUBLIC_URL", "ftp://verify.example.com", "is not an http:// or https:// URL"],
  ["PUBLIC_URL", "https:verify.example.com", "is not an http:// or https:// URL"],
  ["PUBLIC_URL", "https://a:b@verify.example.com", "has credentials"],
  [
    "PUBLIC_URL",
    "https://verify.example.com/x",
    "has a path, query or fragment: only scheme, host and port are wanted",
  ],
])("%s=%s is refused without showing the value", expectRefusedUnshown);
