import { expect, test } from "vitest";
import { createKnownPaths } from "./known-paths.ts";

test("methodsOf returns the methods of every route that matches the path", () => {
  const paths = createKnownPaths();
  paths.add({ method: "GET", url: "/a/:id" });
  paths.add({ method: ["PUT", "DELETE"], url: "/a/:id" });
  paths.add({ method: "POST", url: "/a/fixed" });
  expect(paths.methodsOf("/a/1")).toEqual(["DELETE", "GET", "PUT"]);
  expect(paths.methodsOf("/a/fixed")).toEqual(["DELETE", "GET", "POST", "PUT"]);
  for (const path of ["/a", "/a/", "/a/1/2", "/b/1", ""]) expect(paths.methodsOf(path)).toEqual([]);
});
