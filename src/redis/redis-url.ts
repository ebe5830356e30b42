import { HeadraceError } from "../domain/errors.ts";

/** The address and login of Redis, as in `REDIS_URL`. */
export interface RedisAddress {
  /** A single server, nodes of a cluster, or Sentinels. */
  kind: "server" | "cluster" | "sentinel";
  hosts: readonly { host: string; port: number }[];
  tls: boolean;
  username?: string;
  password?: string;
  /** The database number; 0 for a cluster. */
  db: number;
  /** The IP version that host names are resolved to; undefined for both. */
  family?: 4 | 6;
  /** The name of the master at the Sentinels. */
  masterName?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
}

const SCHEMES: Readonly<Record<string, { tls: boolean; isSentinel: boolean }>> = {
  redis: { tls: false, isSentinel: false },
  rediss: { tls: true, isSentinel: false },
  "redis+sentinel": { tls: false, isSentinel: true },
  "rediss+sentinel": { tls: true, isSentinel: true },
};

const OPTIONS = ["db", "family"] as const;
const SENTINEL_OPTIONS = ["sentinelUsername", "sentinelPassword"] as const;
type Option = (typeof OPTIONS | typeof SENTINEL_OPTIONS)[number];

/**
 * Parses `redis://`, `rediss://`, a comma-separated list of the nodes of a cluster, `redis+sentinel://` or
 * `rediss+sentinel://`. Throws `invalid_setting` with a message that never quotes the text: a part of a password may be
 * anywhere in a malformed URL.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const [first, ...others] = text.split(/,(?=\s*[a-z+]+:\/\/)/i).map((part) => parseOne(part.trim()));
  if (first === undefined) throw refusal("it is empty");
  for (const other of others) checkSameCluster(first, other);
  const hosts = [first, ...others].flatMap((address) => address.hosts);
  const kind = first.kind === "server" && hosts.length > 1 ? "cluster" : first.kind;
  if (kind === "cluster" && first.db !== 0)
    throw refusal("it lists the nodes of a cluster and a database: a cluster has only database 0");
  return { ...first, kind, hosts };
}

function checkSameCluster(first: RedisAddress, other: RedisAddress): void {
  if (first.kind === "sentinel" || other.kind === "sentinel")
    throw refusal("it lists several URLs: list the Sentinels in one, redis+sentinel://host1,host2/name");
  if (first.tls !== other.tls) throw refusal("it mixes redis:// and rediss://: all nodes need the same");
  if (other.db !== first.db && other.db !== 0) throw refusal("its nodes have different databases");
  const isOther =
    other.password !== undefined && (other.password !== first.password || other.username !== first.username);
  if (isOther) throw refusal("its nodes have different users or passwords: a cluster has one");
}

function parseOne(url: string): RedisAddress {
  const match = /^([a-z+]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#)?/i.exec(url);
  if (match === null) throw refusal("it does not begin with redis://, rediss:// or redis+sentinel://");
  const [, scheme = "", authority = "", path = "", query = "", fragment] = match;
  const form = SCHEMES[scheme.toLowerCase()];
  if (form === undefined)
    throw refusal("its scheme is none of redis, rediss, redis+sentinel and rediss+sentinel");
  if (fragment !== undefined) throw refusal("it has a #: write %23 for one in a password");
  const { tls, isSentinel } = form;
  const at = authority.lastIndexOf("@");
  const hosts = readHosts(authority.slice(at + 1), isSentinel ? 26_379 : 6_379);
  const options = readOptions(query, isSentinel ? [...OPTIONS, ...SENTINEL_OPTIONS] : OPTIONS);
  const [first = "", second, ...more] = path.replace(/\/$/, "").split("/");
  const number = isSentinel ? second : first === "" ? undefined : first;
  if (more.length > 0 || (!isSentinel && second !== undefined))
    throw refusal("its path has too many parts: write %2F for a slash in a password");
  if (isSentinel && first === "")
    throw refusal(
      "it names no master: end it with the name of the master, redis+sentinel://host1,host2/name",
    );
  const { sentinelUsername, sentinelPassword } = options;
  if (sentinelUsername !== undefined && sentinelPassword === undefined)
    throw refusal("it has a sentinelUsername and no sentinelPassword");
  return {
    kind: isSentinel ? "sentinel" : "server",
    hosts,
    tls,
    ...(at === -1 ? {} : readLogin(authority.slice(0, at))),
    db: readDatabase(options.db ?? number),
    ...readFamily(options.family),
    ...(isSentinel ? { masterName: decode(first) } : {}),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}

function readLogin(login: string): { username?: string; password?: string } {
  const colon = login.indexOf(":");
  if (colon === -1)
    throw refusal("it has a user name and no password: write :password@ or username:password@");
  const username = decode(login.slice(0, colon));
  const password = decode(login.slice(colon + 1));
  if (username === "" && password === "") return {};
  return username === "" ? { password } : { username, password };
}

function readHosts(list: string, defaultPort: number): { host: string; port: number }[] {
  return list.split(",").map((text) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text.trim());
    const port = Number(match?.[3] ?? defaultPort);
    if (match === null || port === 0 || port > 65_535) {
      throw refusal(
        "a host or port cannot be read: expected host or host:port, and %-codes for : / ? # @ in a password",
      );
    }
    return { host: (match[1] ?? match[2]) as string, port };
  });
}

function readOptions(query: string, known: readonly Option[]): Partial<Record<Option, string>> {
  const options: Partial<Record<Option, string>> = {};
  for (const part of query.split("&").filter((text) => text !== "")) {
    const [name = "", ...value] = part.split("=");
    const option = known.find((one) => one === name);
    if (option === undefined) throw refusal(`it has an unknown option: known are ${known.join(", ")}`);
    options[option] = decode(value.join("="));
  }
  return options;
}

function readDatabase(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,5}$/.test(text)) throw refusal("its database is not a number from 0 to 99999");
  return Number(text);
}

function readFamily(text: string | undefined): { family?: 4 | 6 } {
  if (text === undefined || text === "0") return {};
  if (text !== "4" && text !== "6") throw refusal("its family is none of 0, 4 and 6");
  return { family: text === "4" ? 4 : 6 };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal("it has a % that starts no code: write %25 for one in a password");
  }
}

function refusal(reason: string): HeadraceError {
  return new HeadraceError("invalid_setting", reason);
}
