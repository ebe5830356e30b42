import { type AllowPrivate } from "../runtime/outgoing/index.ts";
/** What a process may do; each in any number of copies. */
export declare const ROLES: readonly ["api", "receive", "relay", "route", "execute", "poll", "schedule", "maintain"];
export type Role = (typeof ROLES)[number];
/** One setting: what it means, and how its text is read. `read` answers undefined for a text that it refuses. */
interface Setting<Value> {
    description: string;
    /** What a good value looks like, for the error that names a bad one. */
    expected: string;
    read: (text: string) => Value | undefined;
}
/** Every setting, by the name of its environment variable. */
export declare const SETTINGS: {
    readonly PORT: Setting<number>;
    readonly HOST: Setting<string>;
    readonly DATABASE_URL: Setting<string>;
    readonly HEADRACE_MIGRATION_DATABASE_URL: Setting<string>;
    readonly REDIS_URL: Setting<string>;
    readonly HEADRACE_ADMIN_KEY: Setting<string>;
    readonly HEADRACE_ENCRYPTION_KEYS: Setting<string>;
    readonly HEADRACE_ROLES: Setting<Set<"api" | "execute" | "maintain" | "poll" | "receive" | "relay" | "route" | "schedule">>;
    readonly HEADRACE_DATA_DIR: Setting<string>;
    readonly HEADRACE_PUBLIC_URL: Setting<string>;
    readonly HEADRACE_FLOWS_DIR: Setting<string>;
    readonly HEADRACE_ALLOW_PRIVATE_TARGETS: Setting<"all" | readonly string[]>;
    readonly HEADRACE_TRUSTED_PROXIES: Setting<string>;
    readonly HEADRACE_DEMO: Setting<boolean>;
    readonly LOG_LEVEL: Setting<"debug" | "error" | "fatal" | "info" | "silent" | "trace" | "warn">;
};
/** The settings of one process, read and checked; what was not set and has no default is undefined. */
export interface Config {
    port: number;
    host: string;
    databaseUrl: string | undefined;
    migrationDatabaseUrl: string | undefined;
    redisUrl: string | undefined;
    adminKey: string | undefined;
    encryptionKeys: string | undefined;
    roles: ReadonlySet<Role>;
    dataDir: string;
    publicUrl: string;
    flowsDir: string;
    allowPrivateTargets: AllowPrivate | undefined;
    trustedProxies: string | undefined;
    demo: boolean;
    logLevel: string;
}
/** Reads the settings; a bad one is `invalid_setting`, whose message is one line that names it, never its value. */
export declare function readConfig(environment: NodeJS.ProcessEnv): Config;
export {};
