// An identity provider on loopback: people are whoever signs in, with the claims of CLAIMS, a JSON file.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const { PORT, REDIRECT_URI, SIGNED_OUT_URI, CLAIMS, CLIENT_SECRET } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "assistant",
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
      post_logout_redirect_uris: [SIGNED_OUT_URI],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: {
    openid: ["sub", "groups"],
    email: ["email", "email_verified"],
    profile: ["preferred_username", "given_name", "family_name"],
  },
  pkce: { required: () => true },
  async findAccount(_, id) {
    const known = JSON.parse(readFileSync(CLAIMS, "utf8"))[id] ?? {};
    return { accountId: id, claims: () => ({ sub: id, preferred_username: id, ...known }) };
  },
});
provider.listen(Number(PORT), "127.0.0.1", () => console.log("listening"));
