import { describe, expect, test } from "vitest";
import { parseRedisUrl } from "./redis-url.ts";

describe("parseRedisUrl", () => {
  test.each([
    ["redis://h", { kind: "server", hosts: [{ host: "h", port: 6379 }], tls: false, db: 0 }],
    [
      "rediss://u:p%40%2F%3A@h.example:7000/3",
      {
        kind: "server",
        hosts: [{ host: "h.example", port: 7000 }],
        tls: true,
        db: 3,
        username: "u",
        password: "p@/:",
      },
    ],
    ["redis://:p@[::1]:7/", { hosts: [{ host: "::1", port: 7 }], password: "p", db: 0 }],
    ["redis://h?db=2&family=6", { db: 2, family: 6 }],
    [
      "redis://u:p@a:1, redis://b:2",
      {
        kind: "cluster",
        hosts: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
        ],
        username: "u",
      },
    ],
    ["redis://a:1,b", { kind: "cluster", hosts: [{ port: 1 }, { port: 6379 }] }],
    ["redis://:a,b@h", { kind: "server", password: "a,b" }],
    [
      "rediss+sentinel://u:p@s1,s2:5/my%20master?db=4&sentinelUsername=su&sentinelPassword=s%2Bp",
      {
        kind: "sentinel",
        hosts: [
          { host: "s1", port: 26379 },
          { host: "s2", port: 5 },
        ],
        tls: true,
        masterName: "my master",
        db: 4,
        username: "u",
        sentinelUsername: "su",
        sentinelPassword: "s+p",
      },
    ],
    ["redis+sentinel://s1/mymaster/2", { masterName: "mymaster", db: 2 }],
  ])("parseRedisUrl reads %s", (text, expected) => {
    expect(parseRedisUrl(text)).toMatchObject(expected);
  });

  test.each([
    ["", "does not begin with"],
    ["localhost:6379", "does not begin with"],
    ["http://s3cret@h", "scheme"],
    ["redis://", "host or port"],
    ["redis://:6379", "host or port"],
    ["redis://h:0", "host or port"],
    ["redis://h:65536", "host or port"],
    ["redis://h:port", "host or port"],
    ["redis://:s3cret/x@h", "host or port"],
    ["redis://:s3cret?x@h", "host or port"],
    ["redis://:s3cret#x@h", "%23"],
    ["redis://s3cret@h", "no password"],
    ["redis://:s3cret%zz@h", "%25"],
    ["redis://h/one", "database"],
    ["redis://h/-1", "database"],
    ["redis://h/1/2", "path"],
    ["redis://h?s3cret=1", "known are db, family"],
    ["redis://h?db=x", "database"],
    ["redis://h?family=5", "family"],
    ["redis://a,redis://b/1", "different databases"],
    ["redis://a/1,redis://b/1", "only database 0"],
    ["redis://a,rediss://b", "mixes"],
    ["redis://:s3cret@a,redis://:other@b", "different users or passwords"],
    ["redis://a,,b", "host or port"],
    ["redis+sentinel://h", "names no master"],
    ["redis+sentinel://h/", "names no master"],
    ["redis+sentinel://h/m,redis+sentinel://i/m", "list the Sentinels in one"],
    ["redis+sentinel://h/m?sentinelUsername=s3cret", "no sentinelPassword"],
    ["redis://h?sentinelPassword=s3cret", "unknown option"],
  ])("parseRedisUrl refuses %s with a reason in one line that repeats no part of it", (text, reason) => {
    const read = () => parseRedisUrl(text);
    expect(read).toThrow(reason);
    expect(read).not.toThrow(/s3cret|\n/);
  });
});
