import type { Call, Reply } from "./router";

/** One page of a list in the API's envelope: `{[key]: […], links: {pages}, meta: {total}}`, 20 items unless `per_page` says. */
export function page(call: Call, key: string, items: readonly unknown[]): Reply {
  const perPage = call.integer("per_page", { min: 1, max: 200 }) ?? 20;
  // `page_token` is what repositoriesV2 hands out in its links; here it is the number of the page.
  const number =
    call.integer("page_token", { min: 1, max: 1_000_000 }) ?? call.integer("page", { min: 1, max: 1_000_000 }) ?? 1;
  const last = Math.max(1, Math.ceil(items.length / perPage));
  const withToken = key === "repositories" && call.url.pathname.endsWith("V2");

  const link = (target: number): string => {
    const url = new URL(call.url);
    url.searchParams.set("page", String(target));
    url.searchParams.set("per_page", String(perPage));
    if (withToken) {
      url.searchParams.set("page_token", String(target));
    }
    return url.href;
  };
  const pages = {
    ...(number > 1 && { first: link(1), prev: link(Math.min(number - 1, last)) }),
    ...(number < last && { next: link(number + 1), last: link(last) }),
  };
  return {
    status: 200,
    body: {
      [key]: items.slice((number - 1) * perPage, number * perPage),
      links: Object.keys(pages).length > 0 ? { pages } : {},
      meta: { total: items.length },
    },
  };
}
