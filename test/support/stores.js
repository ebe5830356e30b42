import { randomBytes } from "node:crypto";
import pg from "pg";
export async function createDatabase() {
    const name = "t" + randomBytes(4).toString("hex");
    const base = "postgres://headrace@127.0.0.1:55432/";
    const c = new pg.Client(base + "postgres");
    await c.connect();
    await c.query("create database " + name);
    await c.end();
    return {
        url: base + name,
        drop: async () => {
            const c = new pg.Client(base + "postgres");
            await c.connect();
            await c.query(`drop database ${name} with (force)`);
            await c.end();
        },
    };
}
export function testRedisUrl() {
    return "redis://127.0.0.1:56379";
}
