import { slots } from "./machines";
import type { Context, Route } from "./router";

/** The e-mail address of the sandbox's account; also the user name in Docker credentials. */
export const accountEmail = "sandbox@example.com";

/** `GET /v2/account`. */
export function accountRoutes({ store }: Context): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/v2/account",
      handle: () => ({
        status: 200,
        body: {
          account: {
            droplet_limit: slots.length,
            floating_ip_limit: slots.length,
            reserved_ip_limit: slots.length,
            volume_limit: 100,
            email: accountEmail,
            name: "Sandbox",
            uuid: store.state.account.uuid,
            email_verified: true,
            status: "active",
            status_message: "",
            team: { name: "Sandbox Team", uuid: store.state.account.team_uuid },
          },
        },
      }),
    },
  ];
}
