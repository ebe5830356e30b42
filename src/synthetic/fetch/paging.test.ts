import { expect, test } from "vitest";
import type { HttpSourceRequest } from "../sources/polled-source.ts";
import { createPaging } from "./paging.ts";

test("page refs contain no secret of the URL, however the provider encodes it", () => {
  const value = "s/3 cr&et";
  const request: HttpSourceRequest = {
    url: `https://a.example/${encodeURIComponent(value)}/orders`,
    urlSecrets: [
      { name: "key", value },
      // A part of the first secret's value.
      { name: "other", value: "key" },
    ],
    method: "GET",
    headers: {},
    query: { token: value },
    auth: undefined,
    pagination: { type: "next_url", next: "next" },
    recordsPath: "",
    totalPath: undefined,
    credentials: {},
  };
  const paging = createPaging(request);
  expect(paging.first).not.toMatch(/s%2F3|cr%26et|s\/3|token=s/);
  const sent = paging.urlOf(paging.first);
  expect([sent.pathname, sent.searchParams.get("token")]).toEqual([
    `/${encodeURIComponent(value)}/orders`,
    value,
  ]);
  for (const written of [encodeURIComponent(value), "s%2F3+cr%26et"]) {
    const body = { next: `?token=${written}&page=2` };
    const next = paging.next({ body, headers: {}, ref: paging.first, records: 1 } as never);
    const { ref } = next as { ref: string };
    expect(ref).not.toMatch(/s%2F3|cr%26et/);
    const { searchParams } = paging.urlOf(ref);
    expect([searchParams.get("token"), searchParams.get("page")]).toEqual([value, "2"]);
  }
});
