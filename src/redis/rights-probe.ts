import type { RedisClient } from "./client.ts";

/** One command of each kind that Headrace sends, on keys that begin with KEYS[1]. */
const COMMANDS: readonly (readonly string[])[] = [
  ["set", "string", "1"],
  ["get", "string"],
  ["incr", "string"],
  ["pexpire", "string", "1000"],
  ["hset", "hash", "field", "1"],
  ["hget", "hash", "field"],
  ["hdel", "hash", "field"],
  ["lpush", "list", "1"],
  ["llen", "list"],
  ["lrem", "list", "0", "1"],
  ["sadd", "set", "1"],
  ["srem", "set", "1"],
  ["zadd", "sorted", "1", "1"],
  ["zrange", "sorted", "0", "-1"],
  ["zpopmin", "sorted"],
  ["xadd", "stream", "*", "field", "1"],
  ["xlen", "stream"],
  ["xtrim", "stream", "MAXLEN", "0"],
  ["unlink", "stream"],
  ["del", "string"],
];

/** Returns the first error with the command that was denied, which Redis 7.0 does not include. */
const SCRIPT = `for _, command in ipairs(cjson.decode(ARGV[1])) do
  command[2] = KEYS[1] .. command[2]
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err then return redis.error_reply(reply.err .. ': ' .. command[1]) end
end
return redis.call('del', ${["string", "hash", "list", "set", "sorted", "stream"].map((name) => `KEYS[1] .. '${name}'`).join(", ")})`;

/** Rejects with the error of Redis if the user lacks rights that Headrace needs. Leaves no keys behind. */
export async function probeRedisRights(redis: RedisClient, id: string): Promise<void> {
  const key = `headrace:{${id}:probe}:`;
  await redis.eval(SCRIPT, 1, key, JSON.stringify(COMMANDS));
  const [stream, group] = [`${key}group`, "probe"];
  try {
    await redis.xgroup("CREATE", stream, group, "$", "MKSTREAM");
    await redis.xreadgroup("GROUP", group, "probe", "COUNT", 1, "STREAMS", stream, ">");
    await redis.bzpopmin(`${key}sorted`, 0.01);
  } finally {
    await redis.del(stream);
  }
}
