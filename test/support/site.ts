import type { SiteArgs } from "../../components/proxy/site";

/** What a stack has that sets nothing but its domain. */
export const usualSite: SiteArgs = {
  domain: "erp.example.com",
  aliases: [],
  redirectFrom: [],
  tls: "acme",
  acmeEmail: "",
  acmeServer: "",
  acmeRoots: "",
  bodyMegabytes: 128,
  rpcBodyMegabytes: 32,
  wrongPasswords: 19,
  rpcCalls: 3000,
  allowFrom: [],
  rpcAllowFrom: [],
  trustedProxies: [],
};
