import { describe, expect, test } from "vitest";
import { createAddressRules, parseAllowPrivate } from "./address-rules.ts";

describe("createAddressRules", () => {
  const refused = createAddressRules([]);

  test.each([
    ["8.8.8.8"],
    ["172.32.0.1"],
    ["100.128.0.1"],
    ["2606:4700::1111"],
    ["::ffff:8.8.8.8"],
    ["64:ff9b::808:808"],
  ])("the address rules admit the public address %s", (address) => {
    expect(refused(address)).toBeUndefined();
  });

  test.each([
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["::1", "loopback"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["10.0.0.1", "private"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.168.1.1", "private"],
    ["fd00:ec2::254", "uniqueLocal"],
    ["fc00::1", "uniqueLocal"],
    ["169.254.169.254", "linkLocal"],
    ["fe80::1", "linkLocal"],
    ["fe80::1%eth0", "linkLocal"],
    ["fec0::1", "deprecatedSiteLocal"],
    ["100.64.0.1", "carrierGradeNat"],
    ["100.100.100.200", "carrierGradeNat"],
    ["168.63.129.16", "metadata"],
    ["192.0.0.192", "reserved"],
    ["198.18.0.1", "reserved"],
    ["203.0.113.7", "reserved"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "broadcast"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["2001:db8::1", "reserved"],
    ["2002:7f00:1::", "6to4"],
    ["2001:0:7f00:1::", "teredo"],
    ["::127.0.0.1", "reserved"],
    ["4000::1", "reserved"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:a00:1", "private"],
    ["64:ff9b::7f00:1", "loopback"],
    ["64:ff9b::169.254.169.254", "linkLocal"],
    ["64:ff9b:1::a00:1", "rfc6052"],
    ["localhost", "unreadable"],
    ["", "unreadable"],
  ])("the address rules refuse %s as %s", (address, range) => {
    expect(refused(address)).toBe(range);
  });

  test("the address rules admit the allowed CIDRs, also as IPv4-mapped IPv6 addresses, and no others", () => {
    const rules = createAddressRules(["127.0.0.0/8", "10.1.0.0/16", "fd00::/8"]);
    const admitted = ["127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "fd12::1", "8.8.8.8"];
    expect(admitted.map(rules)).toEqual(admitted.map(() => undefined));
    const others = ["10.2.0.1", "192.168.0.1", "::1", "169.254.169.254"];
    expect(others.map(rules)).toEqual(["private", "private", "loopback", "linkLocal"]);
  });

  test("the address rules admit every address when all are allowed", () => {
    const rules = createAddressRules("all");
    expect(["127.0.0.1", "169.254.169.254", "::1"].map(rules)).toEqual([undefined, undefined, undefined]);
  });
});

describe("parseAllowPrivate", () => {
  test("parseAllowPrivate reads CIDRs, single addresses and the word all", () => {
    expect(parseAllowPrivate(" 10.0.0.0/8, ::1/128,,192.168.1.7,fd00::1 ")).toEqual([
      "10.0.0.0/8",
      "::1/128",
      "192.168.1.7/32",
      "fd00::1/128",
    ]);
    expect(parseAllowPrivate(" all ")).toBe("all");
    expect(parseAllowPrivate("")).toEqual([]);
  });

  test.each([
    "10.0.0.0/33",
    "::1/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10/8",
    "0x7f.0.0.1/8",
    "010.0.0.0/8",
    "localhost",
    "10.0.0.0/8;127.0.0.0/8",
    "all,10.0.0.0/8",
  ])("parseAllowPrivate refuses %s", (text) => {
    expect(parseAllowPrivate(text)).toBeUndefined();
  });

  test("parseAllowPrivate returns CIDRs that the address rules accept", () => {
    const allowed = parseAllowPrivate("127.0.0.1,::1") ?? [];
    expect(["127.0.0.1", "127.0.0.2", "::1"].map(createAddressRules(allowed))).toEqual([
      undefined,
      "loopback",
      undefined,
    ]);
  });
});
