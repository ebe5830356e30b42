import type { Logger } from "../runtime/logger.ts";
/**
 * Installs Redis with apt-get, as root on Debian or Ubuntu. The package starts a service of its own: that is switched
 * off again, unless it ran before. Answers why nothing was installed, undefined when it was.
 */
export declare function installRedis(log: Logger): Promise<string | undefined>;
