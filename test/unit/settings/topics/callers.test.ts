// Who may call and what is believed of them. TLS and JWTs have files of their own.
import { test } from "@jest/globals";
import { expectRefused, expectTaken } from "../../../support/settings.ts";

test.each<Parameters<typeof expectTaken>>([
  ["TRUSTED_PROXIES", "10.0.0.0/8, ::1", { trustedProxies: ["10.0.0.0/8", "::1"] }],
  [
    "URL_TEMPLATE_HOSTS",
    "App.example.com, localhost:3000,*.Example.org,bücher.example,[::1]:80, MyApp:,com.example.app:",
    {
      urlTemplateHosts: [
        "app.example.com",
        "localhost:3000",
        "*.example.org",
        "xn--bcher-kva.example",
        "[::1]:80",
        "myapp:",
        "com.example.app:",
      ],
    },
  ],
  ["VERIFY_REDIRECT_HOSTS", "App.example.com", { verifyRedirectHosts: ["app.example.com"] }],
  ["CORS_ORIGINS", "*", { corsOrigins: ["*"] }],
  [
    "CORS_ORIGINS",
    "https://App.example.com/, http://localhost:5173,https://b.example:443",
    { corsOrigins: ["https://app.example.com", "http://localhost:5173", "https://b.example"] },
  ],
])("%s=%s", expectTaken);

test.each([
  ["TRUSTED_PROXIES", "proxy.example.com", "is not an IP address, nor a network such as 10.0.0.0/8"],
  ["TRUSTED_PROXIES", "10.0.0.0/8/8", "is not an IP address, nor a network such as 10.0.0.0/8"],
  ["TRUSTED_PROXIES", "10.0.0.1,", "is not an IP address, nor a network such as 10.0.0.0/8 (entry 2 of 2)"],
  ["TRUSTED_PROXIES", "fe80::1%eth0", "is not an IP address, nor a network such as 10.0.0.0/8"],
  ["TRUSTED_PROXIES", "10.0.0.0/33", "has a prefix that is too long"],
  ["TRUSTED_PROXIES", "::/129", "has a prefix that is too long"],
  ["TRUSTED_PROXIES", "::1,0.0.0.0/0", "trusts everyone, who could then claim any address (entry 2 of 2)"],
  ["CORS_ORIGINS", "app.example.com", "is not an http:// or https:// URL"],
  ["CORS_ORIGINS", "null", "is not an http:// or https:// URL"],
  [
    "CORS_ORIGINS",
    "https://a.example/path",
    "has a path, query or fragment: only scheme, host and port are wanted",
  ],
  [
    "CORS_ORIGINS",
    "https://a.example,,https://b.example",
    "is not an http:// or https:// URL (origin 2 of 3)",
  ],
  ["CORS_ORIGINS", "https://a.example,*", "has other origins beside *, which stands for all"],
  ["CORS_ORIGINS", "https://*.example", "has a * within an origin: write each one out, or * alone for any"],
  ["URL_TEMPLATE_HOSTS", "https://a.example", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "a.example,,b.example", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "a.example/path", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "user@a.example", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "*", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "a.*.example", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "*.example.com:80", "has a wildcard before something other than a host name"],
  ["URL_TEMPLATE_HOSTS", "*.127.0.0.1", "has a wildcard before something other than a host name"],
  ["URL_TEMPLATE_HOSTS", "a.example:443", "has the default port 443: write the host alone"],
  ["VERIFY_REDIRECT_HOSTS", "*", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "a.example,javascript:", "has a scheme that no app can have of its own"],
  ["URL_TEMPLATE_HOSTS", "https:", "has a scheme that no app can have of its own"],
  ["URL_TEMPLATE_HOSTS", "myapp://", "is not a list of host, host:port, *.example.com or myapp:"],
  ["URL_TEMPLATE_HOSTS", "my_app:", "is not a list of host, host:port, *.example.com or myapp:"],
])("%s=%s is refused", expectRefused);
